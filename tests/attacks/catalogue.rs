//! The rows of the catalogue. Each has a test whose name begins with the row's, here or in a crate, or a reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Defines ignored tests for rows that cannot be attacked yet, and the list of them.
macro_rules! later {
    ($($name:ident: $reason:literal,)*) => {
        $(#[test]
        #[ignore = $reason]
        fn $name() {})*

        const LATER: &[&str] = &[$(stringify!($name)),*];
    };
}

later! {
    d13_depacketisers: "payload formats are not built yet",
    d15_retransmission_loops: "NACK is not answered yet: there is no retransmission cache",
}

/// How many rows each section of the catalogue has.
const SECTIONS: &[(char, u32)] = &[('a', 20), ('b', 13), ('c', 21), ('d', 15), ('e', 14), ('f', 12)];

#[test]
fn every_row_has_a_test_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tested = BTreeSet::new();
    for folder in ["crates", "tests"] {
        collect(&root.join(folder), &mut tested);
    }
    let mut wrong = Vec::new();
    for (section, rows) in SECTIONS {
        for row in 1..=*rows {
            let id = format!("{section}{row:02}");
            let later = LATER.iter().any(|name| name.starts_with(&id));
            match (tested.contains(&id), later) {
                (false, false) => wrong
                    .push(format!("{id}: write a test `fn {id}_…`, or list it in `later!` with a reason")),
                (true, true) => wrong.push(format!("{id}: has a test now; take it out of `later!`")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "the catalogue of attacks: {} rows\n  {}", wrong.len(), wrong.join("\n  "));
}

/// Collects the rows that functions in the Rust files of a folder are named by: `fn c05_c07_…` names two.
fn collect(folder: &Path, tested: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, tested);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a text file");
            for line in text.lines() {
                let Some(name) = line.trim_start().strip_prefix("fn ") else { continue };
                let words = name.split(['_', '(']).filter(|word| *word != "and");
                tested.extend(words.take_while(|word| is_row(word)).map(str::to_owned));
            }
        }
    }
}

fn is_row(word: &str) -> bool {
    matches!(word.as_bytes(), [b'a'..=b'f', digits @ ..] if digits.len() == 2 && digits.iter().all(u8::is_ascii_digit))
}
