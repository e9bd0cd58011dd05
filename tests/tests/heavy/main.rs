//! Heavy real programs, unmodified: a data base, TLS in threads, web servers, a Java virtual machine. Each is driven the same
//! way natively first and then under Lichen, and must answer, log and end the same with few kernel threads.
//!
//! Started by `cargo test` and `cargo nextest`. One module per program; `site` starts what lies in `tests/programs/` with
//! its data in a folder of its own. Clients that are not themselves under test run natively.

mod apache;
mod gunicorn;
mod java;
mod mariadb;
mod site;
mod tls;

type Result<T = ()> = std::result::Result<T, String>;
