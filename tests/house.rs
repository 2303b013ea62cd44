//! The rules of the house, asserted. Each failure says what to do. No rule needs the network.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages, and which of ours each may depend on outside its tests.
///
/// It is the table of `ARCHITECTURE.md`: a tree with `drywire` on top of the pure crates. `ice` does not know TURN,
/// `srtp` does not know DTLS, `sctp` does not know DTLS, `jsep` knows no transport.
const GRAPH: &[(&str, &[&str])] = &[
    ("drywire-core", &[]),
    ("drywire-crypto", &[]),
    ("drywire-crypto-aws-lc", &["drywire-crypto"]),
    ("drywire-crypto-rust", &["drywire-crypto"]),
    ("drywire-crypto-conformance", &["drywire-crypto"]),
    ("drywire-sdp", &["drywire-core"]),
    ("drywire-stun", &["drywire-core", "drywire-crypto"]),
    ("drywire-ice", &["drywire-core", "drywire-crypto", "drywire-stun"]),
    ("drywire-turn", &["drywire-core", "drywire-crypto", "drywire-stun"]),
    ("drywire-dtls", &["drywire-core", "drywire-crypto"]),
    ("drywire-rtp", &["drywire-core"]),
    ("drywire-srtp", &["drywire-crypto", "drywire-rtp"]),
    ("drywire-media", &["drywire-core", "drywire-rtp"]),
    ("drywire-sctp", &["drywire-core"]),
    ("drywire-datachannel", &["drywire-core", "drywire-sctp"]),
    ("drywire-file", &["drywire-crypto"]),
    ("drywire-jsep", &["drywire-core", "drywire-sdp"]),
    (
        "drywire",
        &[
            "drywire-core",
            "drywire-crypto",
            "drywire-crypto-aws-lc",
            "drywire-sdp",
            "drywire-stun",
            "drywire-ice",
            "drywire-turn",
            "drywire-dtls",
            "drywire-rtp",
            "drywire-srtp",
            "drywire-media",
            "drywire-sctp",
            "drywire-datachannel",
            "drywire-jsep",
        ],
    ),
    ("drywire-sim", &["drywire-core"]),
    ("drywire-tokio", &["drywire", "drywire-core", "drywire-turn"]),
    ("drywire-cli", &["drywire", "drywire-file", "drywire-tokio", "drywire-turn"]),
    // The shim of the BoringSSL test runner.
    ("drywire-bogo", &["drywire-core", "drywire-crypto", "drywire-crypto-aws-lc", "drywire-dtls"]),
    // The root package: only tests and benches.
    ("drywire-workspace", &[]),
];

/// The packages that may open sockets, read clocks, spawn and lock.
const ADAPTERS: &[&str] = &["drywire-tokio", "drywire-cli", "drywire-bogo", "drywire-workspace"];

/// Packages of others that do I/O: for adapters only, whatever the kind of dependency, except in tests.
const IO_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "nix",
    "socket2",
    "quinn-udp",
    "if-addrs",
    "axum",
    "rustls",
    "rustls-native-certs",
    "tokio-rustls",
    "ureq",
    "clap",
    "tracing-subscriber",
    "getrandom",
];

/// What a cryptographic backend may depend on besides: the randomness of the platform.
const BACKENDS: &[(&str, &[&str])] = &[("drywire-crypto-rust", &["getrandom"])];

/// Packages of rivals and of measurements: for tests and benches only.
const TEST_CRATES: &[&str] = &["str0m", "criterion", "proptest", "insta", "cpu-time", "stats_alloc"];

/// What no pure crate names outside its tests, and what to use instead.
const BANNED: &[(&str, &str)] = &[
    ("Instant::now", "take `now` from the caller"),
    ("SystemTime", "take wall-clock time from the configuration"),
    ("UdpSocket", "sockets live in the adapters"),
    ("TcpStream", "sockets live in the adapters"),
    ("TcpListener", "sockets live in the adapters"),
    ("std::thread", "threads live in the adapters"),
    ("thread_local", "keep state in the machine"),
    ("tokio", "runtimes live in the adapters"),
    ("Mutex", "a machine is owned by one caller: take &mut self"),
    ("RwLock", "a machine is owned by one caller: take &mut self"),
    ("RefCell", "a machine is owned by one caller: take &mut self"),
    ("Rc<", "use an index or an Arc of something constant"),
    ("static mut", "keep state in the machine"),
    ("unsafe", "find a safe way, or a well-kept crate that has one"),
];

/// The one place of a pure crate that may break a rule of [`BANNED`].
const EXCEPTIONS: &[(&str, &str)] = &[("crates/drywire-sim/src/clock.rs", "Instant::now")];

const LONGEST_FILE: usize = 800;

#[test]
fn the_crate_graph_is_the_one_of_the_architecture_page() {
    let mut wrong = Vec::new();
    let packages = packages();
    for package in &packages {
        let Some((_, allowed)) = GRAPH.iter().find(|(name, _)| *name == package.name) else {
            wrong.push(format!(
                "{}: not in the table; add it to GRAPH here and to ARCHITECTURE.md",
                package.name
            ));
            continue;
        };
        let adapter = ADAPTERS.contains(&package.name.as_str());
        for (name, kind) in &package.dependencies {
            let dev = kind == "dev";
            if name.starts_with("drywire") && !dev && !allowed.contains(&name.as_str()) {
                wrong.push(format!(
                    "{} depends on {name}: move the shared part to a lower crate, or pass it in as bytes or values",
                    package.name
                ));
            }
            let backend = BACKENDS
                .iter()
                .any(|(backend, allowed)| *backend == package.name && allowed.contains(&name.as_str()));
            if IO_CRATES.contains(&name.as_str()) && !dev && !adapter && !backend {
                wrong.push(format!("{} depends on {name}: only adapters do I/O", package.name));
            }
            if TEST_CRATES.contains(&name.as_str()) && !dev {
                wrong.push(format!("{} depends on {name}: make it a dev-dependency", package.name));
            }
        }
        let folder = package
            .manifest
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        // The shim stands beside the other tests, which need no prefix.
        let expected = if package.name == "drywire-bogo" { "bogo" } else { &package.name };
        if package.name != "drywire-workspace" && folder.as_deref() != Some(expected) {
            wrong.push(format!("{}: its folder is {folder:?}; name it like the package", package.name));
        }
    }
    for (name, _) in GRAPH {
        if !packages.iter().any(|package| package.name == *name) {
            wrong.push(format!("{name} is in the table but does not exist: take it out"));
        }
    }
    report("the crate graph", &wrong);
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let lines = code_lines(&file.text);
        if !file.is_test && lines > LONGEST_FILE {
            wrong.push(format!(
                "{}: {lines} lines without its tests, {LONGEST_FILE} are allowed; split it by RFC procedure, never into `part2`",
                file.name
            ));
        }
    }
    report("file lengths", &wrong);
}

#[test]
fn pure_crates_name_no_clock_socket_thread_or_lock() {
    let mut wrong = Vec::new();
    for file in rust_files().iter().filter(|file| file.is_pure()) {
        let code = without_tests(&file.text);
        let code = without_comments_and_strings(code);
        for (banned, instead) in BANNED {
            if EXCEPTIONS.contains(&(file.name.as_str(), banned)) {
                continue;
            }
            for (number, line) in code.lines().enumerate() {
                if contains_word(line, banned) {
                    wrong.push(format!("{}:{}: `{banned}`: {instead}", file.name, number + 1));
                }
            }
        }
    }
    report("purity", &wrong);
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    let mut wrong = Vec::new();
    let root = read(&root().join("Cargo.toml"));
    if !root.contains("unsafe_code = \"forbid\"") {
        wrong.push("Cargo.toml: put `unsafe_code = \"forbid\"` under [workspace.lints.rust]".to_owned());
    }
    for package in packages() {
        let manifest = read(&package.manifest);
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{}: its Cargo.toml lacks `[lints]` with `workspace = true`", package.name));
        }
    }
    for file in rust_files() {
        if file.text.contains(concat!("allow(", "unsafe_code")) {
            wrong.push(format!("{}: allows unsafe code; find a safe way", file.name));
        }
    }
    report("lints", &wrong);
}

#[test]
fn files_are_named_after_what_is_in_them() {
    const VAGUE: &[&str] = &[
        "util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "inner", "part1",
        "part2", "types",
    ];
    let wrong: Vec<_> = rust_files()
        .into_iter()
        .filter(|file| {
            let path = Path::new(&file.name);
            path.iter().any(|part| VAGUE.contains(&part.to_string_lossy().trim_end_matches(".rs")))
        })
        .map(|file| format!("{}: name it after the one idea that is in it", file.name))
        .collect();
    report("file names", &wrong);
}

#[test]
fn ignored_tests_say_why() {
    let bare = concat!("#[ig", "nore]");
    let mut wrong = Vec::new();
    for file in rust_files() {
        for (number, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with(bare) {
                wrong.push(format!(
                    "{}:{}: write `#[ignore = \"why, and when it will run\"]`",
                    file.name,
                    number + 1
                ));
            }
        }
    }
    report("ignored tests", &wrong);
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
    ];
    let mut wrong = Vec::new();
    for file in text_files() {
        for (number, line) in file.text.lines().enumerate() {
            for marker in markers {
                if contains_word(line, marker)
                    && !line.contains(&format!("{}_macro", marker.trim_end_matches('!')))
                {
                    wrong.push(format!("{}:{}: `{marker}`: do it, or open an issue", file.name, number + 1));
                }
            }
        }
    }
    report("markers", &wrong);
}

#[test]
fn nothing_names_a_place_outside_the_checkout() {
    // Split, so that this file does not name them itself.
    let places =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut wrong = Vec::new();
    for file in text_files() {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(**place)) {
                wrong.push(format!(
                    "{}:{}: names `{place}`: use a path inside the checkout",
                    file.name,
                    number + 1
                ));
            }
        }
    }
    for file in files_with_extensions(&root(), &["json"]) {
        if file.name.ends_with("package-lock.json") && file.text.contains("\"resolved\"") {
            wrong.push(format!(
                "{}: records where packages came from; set `omit-lockfile-registry-resolved=true` in .npmrc and write it anew",
                file.name
            ));
        }
    }
    report("places", &wrong);
}

#[test]
fn the_commands_of_the_readme_are_those_that_ci_runs() {
    let mut wrong = Vec::new();
    let readme = read(&root().join("README.md"));
    for command in ["cargo run --release", "cargo test --workspace"] {
        if !readme.lines().any(|line| line.trim().trim_start_matches("$ ").starts_with(command)) {
            wrong.push(format!("README.md: does not show `{command}` on a line of its own"));
        }
    }
    if !read(&root().join(".ci/run")).contains("cargo test --workspace") {
        wrong.push(".ci/run: does not run `cargo test --workspace`, the command of the README".to_owned());
    }
    for name in
        ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE"]
    {
        if !root().join(name).is_file() {
            wrong.push(format!("{name} is missing"));
        }
    }
    report("the README", &wrong);
}

#[test]
fn every_fuzz_target_has_seeds_and_a_replay() {
    let mut wrong = Vec::new();
    let fuzz = root().join("fuzz");
    let manifest = read(&fuzz.join("Cargo.toml"));
    let bodies = read(&fuzz.join("src/lib.rs"));
    let mut targets = 0;
    for target in entries(&fuzz.join("fuzz_targets")) {
        let name = target.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        targets += 1;
        let seeds = entries(&fuzz.join("corpus").join(&name));
        if seeds.is_empty() {
            wrong.push(format!("fuzz target {name}: commit seeds in fuzz/corpus/{name}/"));
        }
        if !manifest.contains(&format!("name = \"{name}\"")) {
            wrong.push(format!("fuzz target {name}: add it as a [[bin]] to fuzz/Cargo.toml"));
        }
        if !bodies.contains(&format!("\"{name}\"")) {
            wrong.push(format!(
                "fuzz target {name}: add it to TARGETS in fuzz/src/lib.rs, so that its seeds are replayed"
            ));
        }
        if read(&target).lines().filter(|line| !line.trim().is_empty()).count() > 6 {
            wrong.push(format!("fuzz target {name}: keep it to one call; the body belongs in fuzz/src"));
        }
    }
    assert!(targets > 0, "fuzz/fuzz_targets has no targets");
    report("fuzz targets", &wrong);
}

/// A package of the workspace.
struct Package {
    name: String,
    manifest: PathBuf,
    /// Name and kind (`normal`, `dev`, `build`).
    dependencies: Vec<(String, String)>,
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            manifest: text(&package["manifest_path"]).into(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .map(|dependency| {
                    let kind = dependency["kind"].as_str().unwrap_or("normal");
                    (text(&dependency["name"]), kind.to_owned())
                })
                .collect(),
        })
        .collect()
}

/// A text file of the checkout, named relative to it.
struct File {
    name: String,
    text: String,
    is_test: bool,
}

impl File {
    /// Whether the file is part of a pure crate and not a test.
    fn is_pure(&self) -> bool {
        let package = self.name.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
        !self.is_test && package.is_some_and(|package| !ADAPTERS.contains(&package))
    }
}

fn rust_files() -> Vec<File> {
    files_with_extensions(&root(), &["rs"])
}

fn text_files() -> Vec<File> {
    files_with_extensions(
        &root(),
        &["rs", "md", "toml", "js", "mjs", "html", "css", "py", "sh", "yml", "yaml"],
    )
}

fn files_with_extensions(folder: &Path, extensions: &[&str]) -> Vec<File> {
    const SKIPPED: &[&str] = &["target", "node_modules", "corpus", "artifacts", "coverage", "data"];
    let mut files = Vec::new();
    for path in entries(folder) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                files.extend(files_with_extensions(&path, extensions));
            }
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
        {
            let relative = path.strip_prefix(root()).unwrap_or(&path);
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            let is_test = parts.iter().any(|part| {
                matches!(part.trim_end_matches(".rs"), "tests" | "benches" | "examples" | "fuzz")
            });
            files.push(File { name: parts.join("/"), text: read(&path), is_test });
        }
    }
    files
}

/// The code before the tests at the foot of the file.
fn without_tests(text: &str) -> &str {
    const TESTS: &str = "\n#[cfg(test)]\n";
    let begin_tests = |(at, _): &(usize, &str)| {
        let mut lines = text[at + TESTS.len()..].lines();
        lines
            .find(|line| !line.starts_with("#["))
            .is_some_and(|line| line.starts_with("mod ") && line.ends_with("{"))
    };
    text.match_indices(TESTS).find(begin_tests).map_or(text, |(end, _)| &text[..end])
}

fn code_lines(text: &str) -> usize {
    without_tests(text).lines().count()
}

/// The code with the same lines, but its comments and the contents of its strings left out.
fn without_comments_and_strings(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if next == '"' {
            string(rest)
        } else if next == '\'' && rest[1..].starts_with('"') {
            3
        } else if next == '\'' && rest[1..].starts_with("\\\"'") {
            4
        } else {
            kept.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        let (text, after) = rest.split_at(skipped.min(rest.len()));
        kept.extend(text.chars().filter(|character| *character == '\n'));
        rest = after;
    }
    kept
}

/// If `rest` begins with a raw string: how many `#` it has.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of the string literal at the beginning of `rest`.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Whether `line` contains `word` that is not part of a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.ends_with(|character: char| !part_of_name(character));
        !before.is_some_and(part_of_name) && (open || !after.is_some_and(part_of_name))
    })
}

#[test]
fn the_scanner_sees_code_only() {
    let code = "let a = \"Mutex \\\" unsafe\"; // Mutex\n/* RwLock\n */ let b = '\"'; let c: Rc<u8> = r#\"tokio \"x\"#;\nunsafe {}";
    let kept = without_comments_and_strings(code);
    assert_eq!(kept.lines().count(), code.lines().count());
    for gone in ["Mutex", "RwLock", "tokio"] {
        assert!(!kept.contains(gone), "{gone} in {kept}");
    }
    assert!(contains_word(&kept, "Rc<") && contains_word(&kept, "unsafe"));
    assert!(!contains_word("Arc<u8> unsafe_code MutexGuard", "Rc<"));
    assert!(!contains_word("unsafe_code", "unsafe"));
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {"), "a");
    assert_eq!(
        without_tests("a\n#[cfg(test)]\nuse b;\n#[cfg(test)]\n#[allow(c)]\nmod tests {"),
        "a\n#[cfg(test)]\nuse b;"
    );
}

/// Fails with all that is wrong with one rule.
#[track_caller]
fn report(rule: &str, wrong: &[String]) {
    let mut counts = BTreeMap::new();
    for line in wrong {
        *counts.entry(line).or_insert(0) += 1;
    }
    let lines: Vec<_> = counts.into_keys().map(String::as_str).collect();
    assert!(lines.is_empty(), "{rule}: {} to put right\n  {}", lines.len(), lines.join("\n  "));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a folder, sorted; none if there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<_> = read.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}
