//! A dataset added under `sql/` must be embedded by the next build.
fn main() {
    println!("cargo::rerun-if-changed=../../sql");
}
