//! The least that a program can do: what the catalogue's commands are measured against.

fn main() {
    println!("hello");
}
