//! What is small on disk and gigabytes once it is unpacked is read in a bounded memory.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::home::{CELLPHONE, Home, LOGCTL, METRICSD, Ran, SECCTL, run};
use crate::lives::AGENTCTL;

const UNPACKED: usize = 1 << 29;
const PIECE: usize = 32 << 20;
/// What a program may have of addresses, in KiB: less than half of that.
const MEMORY: &str = "250000";

fn in_little_memory(home: &Home, program: &str, line: &str) -> Ran {
    let mut command = home.command("sh");
    let limited = format!("ulimit -v {MEMORY} && exec \"$0\" \"$@\"");
    command.args(["-c", &limited, program]);
    run(command.args(line.split_whitespace()), b"")
}

/// `unit` again and again.
fn piece(unit: &[u8]) -> Vec<u8> {
    unit.iter().copied().cycle().take(PIECE).collect()
}

fn gzip(file: &Path, unit: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&piece(unit)).unwrap();
    let member = encoder.finish().unwrap();
    // What is packed piece by piece is unpacked as one.
    fs::write(file, member.repeat(UNPACKED / PIECE)).unwrap();
}

#[test]
fn a_packed_log_that_unpacks_to_gigabytes_fills_no_memory() {
    // One endless line, many long ones, and no text at all.
    let long = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    for unit in [&b"x"[..], &long, b"\0"] {
        let home = Home::new();
        let ran = run(
            home.command(LOGCTL).args(["write", "tasks", "script.said"]),
            b"",
        );
        assert_eq!(ran.code, 0, "{ran:?}");
        gzip(
            &home
                .dir
                .join("runtime/logs/tasks.20260101T000000Z-1.log.gz"),
            unit,
        );
        for (program, line) in [
            (LOGCTL, "tail tasks"),
            (LOGCTL, "query tasks --event script.said"),
            (LOGCTL, "stats --lines"),
            (METRICSD, "export"),
        ] {
            let ran = in_little_memory(&home, program, line);
            assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        }
        let found = in_little_memory(&home, LOGCTL, "query tasks --event script.said");
        assert!(found.out.contains("script.said"), "{}", found.err);
    }
}

#[test]
fn a_sealed_journal_that_unpacks_to_gigabytes_fills_no_memory() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "first"]);
    home.ok(&["ack", "--all", "--as", "agent-1"]);
    home.ok(&["prune", "--as", "agent-1"]);
    home.ok(&["send", "agent-1", "second"]);
    let archive = home.mailbox("agent-1").join("archive");
    let sealed = fs::read_dir(&archive)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // Behind what it is.
    let packed = zstd::bulk::compress(&piece(b"x"), 3).unwrap();
    let mut bomb = fs::read(&sealed).unwrap();
    bomb.extend(packed.repeat(UNPACKED / PIECE));
    fs::write(&sealed, bomb).unwrap();
    for (program, line) in [
        (CELLPHONE, "inbox agent-1 --all"),
        (CELLPHONE, "search first"),
        (CELLPHONE, "doctor"),
        (AGENTCTL, "doctor"),
        (SECCTL, "audit anchor"),
        (SECCTL, "audit verify"),
    ] {
        let ran = in_little_memory(&home, program, line);
        assert!(matches!(ran.code, 0 | 1), "{line}: {ran:?}");
    }
    let all = in_little_memory(&home, CELLPHONE, "inbox agent-1 --all");
    for text in ["first", "second"] {
        assert!(all.out.contains(text), "{all:?}");
    }
}
