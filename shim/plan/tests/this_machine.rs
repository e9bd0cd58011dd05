//! The planner on this machine's own libc and loader: every site is understood, and file and mapping agree.

use lichen_plan::{Image, Number, Plan, Why, plan};

const LIBC: &str = "/lib/x86_64-linux-gnu/libc.so.6";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

fn plan_file(path: &str) -> Plan {
    let bytes = std::fs::read(path).expect("readable");
    plan(&Image::from_file(&bytes).expect("an ELF file")).expect("a plan")
}

fn only_sigreturn_is_left(path: &str, at_least: usize) {
    let plan = plan_file(path);
    assert!(
        plan.sites.len() >= at_least,
        "{path}: {} sites",
        plan.sites.len()
    );
    let whys: Vec<Why> = plan.left.iter().map(|left| left.why).collect();
    assert_eq!(whys, [Why::Sigreturn], "{path}: {:x?}", plan.left);
    assert_eq!(plan.left[0].number, Number::Constant(15));
}

#[test]
fn all_sites_of_libc_are_understood() {
    only_sigreturn_is_left(LIBC, 400);
}

#[test]
fn all_sites_of_the_loader_are_understood() {
    only_sigreturn_is_left(LOADER, 30);
}
