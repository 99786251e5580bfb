//! `nu_plugin_ssmpf`, built where the tests find it.

fn main() {
    nu_plugin_ssmpf::main();
}
