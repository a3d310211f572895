//! Makes the next build embed a dataset that was added under `sql/`.
fn main() {
    println!("cargo::rerun-if-changed=../../sql");
}
