//! The heavy real programs of `tests/programs`, natively and under Lichen in turn: the server on one CPU, its client on the
//! other. Called by `bench::run`; one function per part.
//!
//! `place` prepares and starts a program, `tools` runs its client and reads what it says, `compare` joins both over the
//! rounds into a table. The parts only say what is run.

mod clients;
mod compare;
mod mariadb;
mod place;
mod tools;
mod web;

pub use clients::tls_clients;
pub use mariadb::mariadb;
pub use web::{apache, gunicorn, java, stunnel};
