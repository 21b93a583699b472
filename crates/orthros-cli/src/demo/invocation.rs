//! How this program was run, for texts that say how to run it again.

use std::env;
use std::path::{Path, PathBuf};

/// The command before `demo`: what the user typed, or cargo's where cargo has built the program
/// and it was not installed.
pub(super) fn invocation() -> String {
    let typed = env::args_os().next().map(PathBuf::from);
    let cargo = env::current_exe()
        .ok()
        .and_then(|program| by_cargo(&program));
    cargo
        .map(str::to_owned)
        .or_else(|| Some(typed?.to_str()?.to_owned()))
        .unwrap_or_else(|| "orthros".to_owned())
}

/// The command by which cargo runs a program that lies in one of its target directories.
fn by_cargo(program: &Path) -> Option<&'static str> {
    let profile = program.parent()?;
    // Below the target directory, or below the folder of a platform in it.
    profile
        .ancestors()
        .skip(1)
        .take(2)
        .find(|above| above.join(".rustc_info.json").is_file())?;
    match profile.file_name()?.to_str()? {
        "debug" => Some("cargo run --"),
        "release" => Some("cargo run --release --"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_in_a_target_directory_is_run_by_cargo() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir_all(&target).unwrap();
        let run = |path: &str| by_cargo(&folder.path().join(path));
        // Nothing says that this is cargo's.
        assert_eq!(run("target/release/orthros"), None);
        fs::write(target.join(".rustc_info.json"), "{}").unwrap();
        let release = Some("cargo run --release --");
        assert_eq!(run("target/release/orthros"), release);
        assert_eq!(
            run("target/x86_64-unknown-linux-gnu/release/orthros"),
            release
        );
        assert_eq!(run("target/debug/orthros"), Some("cargo run --"));
        assert_eq!(run("target/bench/orthros"), None);
        assert_eq!(run("bin/orthros"), None);
        assert_eq!(run("target/release/a/b/orthros"), None);
    }
}
