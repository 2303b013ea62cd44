use std::fmt;

/// The most bytes of a name: what file systems take.
const LONGEST: usize = 255;

/// A name that is safe to give to a file in a folder of the receiver: one component of a path and never `.` or `..`,
/// without separators, control characters, and characters that change the direction of writing (which make `gpj.exe` look
/// like `exe.jpg`), not hidden, no device of Windows, and at most 255 bytes long.
///
/// Names of peers become one when they are parsed, whatever they were:
///
/// ```
/// use drywire_file::FileName;
///
/// assert_eq!(FileName::sanitized("../../etc/passwd").as_str(), "passwd");
/// assert_eq!(FileName::sanitized("Über uns.pdf").as_str(), "Über uns.pdf");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// The safe name that is most like `text`; `file` if nothing is left of it.
    #[must_use]
    pub fn sanitized(text: &str) -> Self {
        let component = text.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
        let safe: String = component.chars().filter_map(safe_char).collect();
        // A leading dot hides a file; a trailing dot or space is dropped by Windows, so that it would name another file.
        let trimmed = safe.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']);
        let mut name = match trimmed {
            "" => "file".to_owned(),
            device if is_device(device) => format!("_{device}"),
            name => name.to_owned(),
        };
        shorten(&mut name);
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The character itself, `_` for one that some file system does not take, or none for one that is not to be seen.
fn safe_char(char: char) -> Option<char> {
    match char {
        ':' | '*' | '?' | '"' | '<' | '>' | '|' => Some('_'),
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{061c}'
        | '\u{feff}' => None,
        char if char.is_control() => None,
        char => Some(char),
    }
}

/// Whether Windows takes the name for a device, which it does with every extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    match stem.as_str() {
        "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" => true,
        stem => ["com", "lpt"].iter().any(|port| {
            let number = stem.strip_prefix(port).unwrap_or_default();
            matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        }),
    }
}

/// Cuts the name, and keeps a short extension.
fn shorten(name: &mut String) {
    if name.len() <= LONGEST {
        return;
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 16 => name.split_off(dot),
        _ => String::new(),
    };
    let mut end = LONGEST - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    let kept = name.trim_end_matches(['.', ' ']).len();
    name.truncate(kept);
    name.push_str(&extension);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_attackers_become_harmless() {
        for (given, safe) in [
            ("report.pdf", "report.pdf"),
            ("", "file"),
            (".", "file"),
            ("..", "file"),
            ("/", "file"),
            ("a/b\\c.txt", "c.txt"),
            ("folder/", "folder"),
            ("C:\\x\\..", "file"),
            ("C:boot.ini", "C_boot.ini"),
            (".bashrc", "bashrc"),
            ("x\0y\n\u{7f}.txt", "xy.txt"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("NUL", "_NUL"),
            ("nul .tar.gz", "_nul .tar.gz"),
            ("com1.txt", "_com1.txt"),
            ("comet", "comet"),
            ("ends with. .", "ends with"),
            (" two  words ", "two  words"),
        ] {
            assert_eq!(FileName::sanitized(given).as_str(), safe, "{given:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = FileName::sanitized(&format!("{}.tar.gz", "ü".repeat(300)));
        assert_eq!(name.as_str(), format!("{}.gz", "ü".repeat(126)));
        let name = FileName::sanitized(&"x".repeat(300));
        assert_eq!(name.as_str().len(), 255);
    }

    proptest! {
        #[test]
        fn every_name_is_one_component_and_sanitised_once(text in ".{0,400}|[./\\\\: a]{0,20}|(?s).{250,300}\\.[a-z]{0,20}") {
            let name = FileName::sanitized(&text);
            let text = name.as_str();
            prop_assert!(!text.is_empty() && text.len() <= LONGEST);
            prop_assert!(!text.contains(['/', '\\', '\0', '\n', ':']) && !text.starts_with('.'));
            let again = FileName::sanitized(text);
            prop_assert_eq!(again.as_str(), text);
        }
    }
}
