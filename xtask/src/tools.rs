//! The programs a build needs beside Rust and Node, at the versions that work together (the three cargo tools are
//! pinned: wasm-bindgen's two halves refuse each other unless they are equal).

use crate::paths;
use crate::plan::{Line, Plan};
use crate::run;
use crate::stop::{Outcome, Stop, While};

const WASM: &str = "wasm32-unknown-unknown";
const OLDEST_NODE: u32 = 20;

/// Built without optimisation these tools work just as well, and are there in half the time or less.
const QUICK_INSTALL: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

struct CargoTool {
    package: &'static str,
    version: String,
    /// What prints `name version`.
    asks: &'static [&'static str],
    locked: bool,
    takes: &'static str,
}

fn cargo_leptos() -> CargoTool {
    // Not newer: 0.3.11 needs Rust 1.96.
    let version = "0.3.10".to_owned();
    CargoTool {
        package: "cargo-leptos",
        version,
        asks: &["cargo-leptos", "--version"],
        locked: true,
        takes: "7 min",
    }
}

fn wasm_bindgen() -> Outcome<CargoTool> {
    Ok(CargoTool {
        package: "wasm-bindgen-cli",
        version: wasm_bindgen_version()?,
        asks: &["wasm-bindgen", "--version"],
        // Its lock file names a version of a dependency that is no longer to be had.
        locked: false,
        takes: "2 min",
    })
}

fn nextest() -> CargoTool {
    let version = "0.9.143".to_owned();
    let asks = &["cargo-nextest", "nextest", "--version"];
    CargoTool { package: "cargo-nextest", version, asks, locked: true, takes: "5 min" }
}

/// Rust and Node: what the README asks for.
pub(crate) fn add_languages(plan: &mut Plan) {
    plan.step("Rust and Node", |line| {
        let rust = run::answer(run::program("rustc").arg("--version"))
            .ok_or_else(|| Stop::new("`rustc` does not answer. Install Rust from https://rustup.rs"))?;
        let node = run::answer(run::program("node").arg("--version")).ok_or_else(|| {
            Stop::new(format!(
                "Node is not there. Install Node {OLDEST_NODE} or newer (https://nodejs.org, or your system's package \
                 `nodejs`): styles, wasm-opt and the embedded PostgreSQL come from npm"
            ))
        })?;
        let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < OLDEST_NODE) {
            return Err(Stop::new(format!("Node {OLDEST_NODE} or newer is needed, and this is {node}")));
        }
        let npm = run::answer(run::npm().arg("--version"))
            .ok_or_else(|| Stop::new("`npm` does not answer. It comes with Node, or as your system's package `npm`"))?;
        line.already(format_args!("{rust}, Node {node}, npm {npm}"));
        Ok(())
    });
}

/// What a build of the page needs.
pub(crate) fn add_page_tools(plan: &mut Plan) {
    plan.step("WebAssembly target", wasm_target);
    let leptos = cargo_leptos();
    plan.step(leptos.title(), move |line| leptos.install(line));
    match wasm_bindgen() {
        Ok(bindgen) => plan.step(bindgen.title(), move |line| bindgen.install(line)),
        Err(stop) => plan.step("wasm-bindgen", move |_| Err(stop)),
    }
}

/// rustup's minimal profile comes without them.
pub(crate) fn add_rust_components(plan: &mut Plan) {
    plan.step("rustfmt and Clippy", |line| {
        let there = |name: &str| run::answer(run::program("cargo").args([name, "--version"])).is_some();
        if there("fmt") && there("clippy") {
            line.already("there");
            return Ok(());
        }
        line.doing("adding them by rustup");
        run::logged(
            run::program("rustup").args(["component", "add", "rustfmt", "clippy"]),
            "rustup-components",
        )
    });
}

pub(crate) fn add_nextest(plan: &mut Plan) {
    let nextest = nextest();
    plan.step(nextest.title(), move |line| nextest.install(line));
}

/// For checks of the browser's part, which build nothing.
pub(crate) fn add_wasm_target(plan: &mut Plan) {
    plan.step("WebAssembly target", wasm_target);
}

fn wasm_target(line: &mut Line) -> Outcome {
    let sysroot = run::answer(run::program("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    if std::path::Path::new(&sysroot).join("lib/rustlib").join(WASM).is_dir() {
        line.already("there");
        return Ok(());
    }
    if run::answer(run::program("rustup").arg("--version")).is_none() {
        return Err(Stop::new(format!(
            "this Rust has no {WASM} target, and there is no `rustup` to add it. Install Rust from https://rustup.rs, \
             or your system's package of that target"
        )));
    }
    line.doing(format_args!("adding {WASM} by rustup"));
    run::logged(run::program("rustup").args(["target", "add", WASM]), "rustup")
}

impl CargoTool {
    fn title(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    /// The version on PATH, such as `0.3.10`.
    fn installed(&self) -> Option<String> {
        let (program, arguments) = self.asks.split_first()?;
        let answer = run::answer(run::program(program).args(arguments))?;
        answer.split_whitespace().nth(1).map(str::to_owned)
    }

    fn install(&self, line: &mut Line) -> Outcome {
        let installed = self.installed();
        if installed.as_deref() == Some(self.version.as_str()) {
            line.already("there");
            return Ok(());
        }
        let replaced = installed.map(|version| format!(", in place of {version}")).unwrap_or_default();
        line.doing(format_args!("installing{replaced}, about {} on 2 cores", self.takes));
        let mut command = run::cargo();
        command.args(["install", self.package, "--version", &self.version, "--force"]);
        if self.locked {
            command.arg("--locked");
        }
        run::logged(command.envs(QUICK_INSTALL), self.package)?;
        match self.installed() {
            Some(version) if version == self.version => Ok(()),
            found => Err(Stop::new(format!(
                "{} {} was installed, but {} answers. Another one stands before ~/.cargo/bin on PATH",
                self.package,
                self.version,
                found.as_deref().unwrap_or("nothing")
            ))),
        }
    }
}

/// The pin in the root Cargo.toml: `wasm-bindgen = "=0.2.130"`.
fn wasm_bindgen_version() -> Outcome<String> {
    let manifest = std::fs::read_to_string(paths::in_root("Cargo.toml")).doing("reading Cargo.toml")?;
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("wasm-bindgen = \"=")?.split('"').next().map(str::to_owned))
        .ok_or_else(|| {
            Stop::new("Cargo.toml has no line `wasm-bindgen = \"=…\"`, which says the version to install")
        })
}

/// One line for each tool, for `info`.
pub(crate) fn report() -> Vec<String> {
    let ask = |program: &str, arguments: &[&str]| {
        run::answer(run::program(program).args(arguments))
            .and_then(|answer| answer.lines().next().map(str::to_owned))
    };
    let missing = || "not there".to_owned();
    let mut lines = vec![
        format!("{:<17} {}", "Rust", ask("rustc", &["--version"]).unwrap_or_else(missing)),
        format!("{:<17} {}", "Node", ask("node", &["--version"]).unwrap_or_else(missing)),
    ];
    let tools = [Some(cargo_leptos()), wasm_bindgen().ok(), Some(nextest())];
    for tool in tools.into_iter().flatten() {
        let installed = tool.installed().unwrap_or_else(missing);
        lines.push(format!("{:<17} {installed} (wanted: {})", tool.package, tool.version));
    }
    lines
}
