//! `nu_plugin_ssmpf`, which Nushell starts.

fn main() {
    nu_plugin_ssmpf::main();
}
