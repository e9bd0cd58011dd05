//! Link options of liblichen.so.
//!
//! `initfirst`: our constructor runs before those of the libraries the program needs, one of which
//! may start threads. `now`: nothing is resolved lazily, so no call of ours enters ld.so later.

fn main() {
    for option in [
        "-Wl,-z,initfirst",
        "-Wl,-z,now",
        "-Wl,-Bsymbolic",
        "-Wl,-soname,liblichen.so",
    ] {
        println!("cargo:rustc-cdylib-link-arg={option}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
