//! Prints what the planner finds in ELF files: counts, reasons and times. `cargo run --release -p lichen-plan --example survey -- FILE...`

use lichen_plan::{Image, Number, Plan, Vectors, Window};
use std::time::Instant;

/// The first round is what a fresh process pays; the best of the others is what the work costs.
const ROUNDS: usize = 20;

fn main() {
    for path in std::env::args().skip(1) {
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("{path}: cannot be read");
            continue;
        };
        let mut times_us = Vec::new();
        let mut last = None;
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            last = Some(Image::from_file(&bytes).and_then(|image| lichen_plan::plan(&image)));
            times_us.push(begin.elapsed().as_micros());
        }
        match last {
            Some(Ok(plan)) => report(&path, &plan),
            Some(Err(error)) => println!("{path}: {error}"),
            None => {}
        }
        println!(
            "  first {} us, best {} us",
            times_us[0],
            times_us.iter().min().unwrap_or(&0)
        );
    }
}

fn report(path: &str, plan: &Plan) {
    let count = |keep: &dyn Fn(&lichen_plan::Site) -> bool| {
        plan.sites.iter().filter(|site| keep(site)).count()
    };
    println!(
        "{path}: {} sites, {} left, {} bytes of text",
        plan.sites.len(),
        plan.left.len(),
        plan.text_bytes
    );
    println!(
        "  pre {} post {}",
        count(&|s| s.kind == Window::Pre),
        count(&|s| s.kind == Window::Post)
    );
    println!(
        "  variable numbers {}, rip-relative {}",
        count(&|s| s.number == Number::Variable),
        count(&|s| s.displaced.relative().is_some())
    );
    let vectors =
        [Vectors::None, Vectors::Xmm, Vectors::Wide].map(|kind| count(&|s| s.vectors == kind));
    println!(
        "  vectors none {} xmm {} wide {}",
        vectors[0], vectors[1], vectors[2]
    );
    for site in plan
        .sites
        .iter()
        .filter(|site| site.vectors != Vectors::None)
    {
        println!(
            "    {:#x} {:?} {:?}",
            site.syscall, site.number, site.vectors
        );
    }
    for left in &plan.left {
        println!("  left {:#x} {:?}: {}", left.syscall, left.number, left.why);
    }
    let encoded = plan.encode();
    let begin = Instant::now();
    let decoded = Plan::decode(&encoded);
    println!(
        "  cached form {} bytes, decoded in {} us, equal: {}",
        encoded.len(),
        begin.elapsed().as_micros(),
        decoded.as_ref() == Some(plan)
    );
}
