//! Prints what the planner finds in ELF files: counts, reasons and times. `cargo run --release -p lichen-plan --example survey -- FILE...`

use lichen_plan::{Image, Number, Plan, Vectors, Window};
use std::time::Instant;

fn main() {
    for path in std::env::args().skip(1) {
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("{path}: cannot be read");
            continue;
        };
        for round in ["cold", "warm"] {
            let begin = Instant::now();
            let image = Image::from_file(&bytes);
            let parsed = begin.elapsed();
            match image.and_then(|image| lichen_plan::plan(&image)) {
                Ok(plan) if round == "warm" => report(&path, &plan),
                Ok(_) => {}
                Err(error) => println!("{path}: {error}"),
            }
            println!(
                "  {round}: parsed in {} us, planned in {} us",
                parsed.as_micros(),
                (begin.elapsed() - parsed).as_micros()
            );
        }
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
