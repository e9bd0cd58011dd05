//! The launcher from outside: what it does to a program's start, and what it says when it cannot.
//!
//! `place` puts the built command and a stand-in for liblichen.so (an empty library) into a folder of
//! its own, which is how an installed one is found. No test needs the real shim.

mod check;
mod environment;
mod install;
mod native;
mod options;
mod place;
mod privileges;
mod start;
