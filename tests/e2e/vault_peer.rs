//! A second reader of vault files, written from their specification: Python, and other people's cryptography.

use cardwright_hsm::{Kdf, Passphrase, VaultFile};
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store};
use cardwright_tests::rig::{repository, skip};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const WORDS: &str = "correct horse battery staple";

/// What the other reader says; `None` where it is not installed.
fn read(vault: &Path, passphrase: &str) -> Option<Output> {
    let python = repository().join(".tools/venv/bin/python");
    if !python.exists() {
        skip("a second reader of vault files", "Python's cryptography is not installed: run scripts/setup.sh test");
        return None;
    }
    let mut command = Command::new(python);
    command.arg(repository().join("tests/peers/vault_file.py")).arg(vault);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    // Dropped here, which ends what it reads.
    child.stdin.take().expect("a pipe").write_all(passphrase.as_bytes()).expect("it reads");
    Some(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_second_reader_finds_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let argon2id = Kdf::Argon2id { memory_kib: 19_456, passes: 2, lanes: 1 };
    for (file, kdf) in [("a.vault", argon2id), ("p.vault", Kdf::Pbkdf2HmacSha256 { iterations: 100_000 })] {
        let path = dir.path().join(file);
        let mut vault = VaultFile::create(&path, &Passphrase::new(WORDS.as_bytes()), kdf).unwrap();
        let mut lines = Vec::new();
        for purpose in Purpose::ALL {
            for key_type in KeyType::ALL {
                let name = format!("{purpose}-{key_type}").parse().unwrap();
                vault.generate(&name, KeySpec { purpose, key_type, portable: false }).unwrap();
                let text = vault.material(&name).unwrap().1.text();
                lines.push(format!("{name} 1 {purpose} {key_type} {}", text.trim_end()));
            }
        }
        lines.sort();
        vault
            .generate(
                &"z".parse().unwrap(),
                KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes128, portable: false },
            )
            .unwrap();
        vault.destroy(&"z".parse().unwrap()).unwrap();
        lines.push("z 1 destroyed".to_owned());
        let Some(output) = read(&path, WORDS) else { return };
        let said = String::from_utf8(output.stdout).unwrap();
        let said: Vec<_> = said.lines().collect();
        assert_eq!(said.first(), Some(&"written 28 times"), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(said[1..], lines);
    }
}

#[test]
fn a_second_reader_reads_the_known_vaults() {
    let vectors = repository().join("tests/vectors");
    let lines = std::fs::read_to_string(vectors.join("vault_file.txt")).unwrap();
    for file in ["vault_file_argon2id.bin", "vault_file_pbkdf2.bin"] {
        let Some(output) = read(&vectors.join(file), WORDS) else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout), lines, "{}", String::from_utf8_lossy(&output.stderr));
        // It does check something.
        let wrong = read(&vectors.join(file), "correct horse battery stapler").expect("it is there");
        assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("wrong passphrase"));
    }
}
