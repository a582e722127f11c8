//! Inlines the icons: takes the drawing of each one that the interface uses out of `lucide-static` (npm) and
//! generates the `IconName` enum, so that a page needs no icon file and no third-party drawing is committed.

use std::{env, fmt::Write as _, fs, path::Path, process};

/// Variant and file name in `node_modules/lucide-static/icons`.
const ICONS: [(&str, &str); 41] = [
    ("Activity", "activity"),
    ("ArrowLeft", "arrow-left"),
    ("ArrowRight", "arrow-right"),
    ("Bolt", "zap"),
    ("Book", "book-open"),
    ("Busy", "loader-circle"),
    ("Check", "check"),
    ("ChevronDown", "chevron-down"),
    ("ChevronRight", "chevron-right"),
    ("Clock", "clock"),
    ("Close", "x"),
    ("Copy", "copy"),
    ("Database", "database"),
    ("Delete", "trash-2"),
    ("Download", "download"),
    ("Filter", "list-filter"),
    ("Gauge", "gauge"),
    ("HardDrive", "hard-drive"),
    ("HeartPulse", "heart-pulse"),
    ("History", "history"),
    ("Image", "image"),
    ("Info", "info"),
    ("Key", "key-round"),
    ("Lock", "lock"),
    ("LockOpen", "lock-open"),
    ("Minus", "minus"),
    ("Network", "network"),
    ("Overview", "layout-dashboard"),
    ("Pin", "map-pin"),
    ("Plus", "plus"),
    ("Puzzle", "puzzle"),
    ("Queries", "text-search"),
    ("Refresh", "refresh-cw"),
    ("Search", "search"),
    ("Server", "server"),
    ("Sliders", "sliders-horizontal"),
    ("Stop", "square"),
    ("Theme", "contrast"),
    ("Undo", "undo-2"),
    ("User", "user"),
    ("ZoomOut", "zoom-out"),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let icons = root.join("node_modules/lucide-static/icons");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", icons.display());

    let mut variants = String::new();
    let mut arms = String::new();
    for (variant, file) in ICONS {
        let path = icons.join(format!("{file}.svg"));
        let drawing = match fs::read_to_string(&path) {
            Ok(svg) => inner(&svg),
            Err(error) => fail(&format!("cannot read {}: {error}. Run npm ci.", path.display())),
        };
        let _ = writeln!(variants, "    {variant},");
        let _ = writeln!(arms, "            Self::{variant} => {drawing:?},");
    }
    let code = format!(
        "/// The icons that the interface uses, from lucide (ISC licence).\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq)]\n\
         pub enum IconName {{\n{variants}}}\n\n\
         impl IconName {{\n\
         \x20   /// What stands inside the `<svg viewBox=\"0 0 24 24\">`.\n\
         \x20   pub fn drawing(self) -> &'static str {{\n        match self {{\n{arms}        }}\n    }}\n}}\n"
    );
    let Ok(out) = env::var("OUT_DIR") else { fail("OUT_DIR is not set: run this through cargo.") };
    if let Err(error) = fs::write(Path::new(&out).join("icons.rs"), code) {
        fail(&format!("cannot write the generated icons: {error}"));
    }
}

/// The elements inside the outer `<svg>`, on one line.
fn inner(svg: &str) -> String {
    let body = svg.split_once("<svg").and_then(|(_, rest)| rest.split_once('>')).map_or("", |(_, rest)| rest);
    let body = body.rsplit_once("</svg>").map_or(body, |(body, _)| body);
    body.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><").replace(" />", "/>")
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    process::exit(1);
}
