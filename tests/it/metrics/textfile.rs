//! A file of figures is whole whenever somebody reads it, and whoever writes it is killed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::home::{Home, METRICSD, has_tool, run};

fn writing(home: &Home) -> Command {
    let mut command = home.command(METRICSD);
    command.args(["textfile", "--out", "figures.prom"]);
    command.stdout(Stdio::null());
    command
}

#[test]
fn a_textfile_is_whole_whoever_reads_and_whoever_is_killed() {
    let home = &Home::new();
    assert!(writing(home).status().unwrap().success());
    let file = home.dir.join("figures.prom");
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&file).unwrap();
                assert!(text.starts_with("# HELP dreamos_agent_"), "{text}");
                assert!(text.ends_with("\ndreamos_tasks_overdue 0\n"), "{text}");
                let mode = std::fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o644);
            }
        });
        for n in 0..30 {
            let mut child = writing(home).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(n * 7_919 % 40_000));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(writing(home).status().unwrap().success());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_collector_of_text_files_never_takes_what_is_being_written() {
    let home = Home::new();
    let place = home.dir.join("collected");
    std::fs::create_dir(&place).unwrap();
    if !has_tool("strace") {
        return;
    }
    // It cannot be put in place: what was written aside goes.
    let fails = "inject=rename,renameat,renameat2:error=EIO";
    let out = ["textfile", "--out", "collected/figures.prom"];
    let mut command = home.command("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", fails, METRICSD]);
    let ran = run(command.args(out), b"");
    assert_eq!(ran.code, 74, "{ran:?}");
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn what_a_killed_one_left_goes_with_the_next_and_what_is_being_written_stays() {
    let home = Home::new();
    let put = |name: &str| std::fs::File::create(home.dir.join(name)).unwrap();
    drop(put(".figures.prom.0123456789abcdef"));
    let held = put(".figures.prom.fedcba9876543210");
    held.try_lock().unwrap();
    // Of other files, and none of ours.
    let others = [
        ".other.prom.0123456789abcdef",
        ".figures.prom.0123456789abcde",
        ".figures.prom.0123456789abcdeg",
        "figures.prom.0123456789abcdef",
    ];
    for name in others {
        drop(put(name));
    }
    assert!(writing(&home).status().unwrap().success());
    let is_there = |name: &str| home.dir.join(name).exists();
    assert!(!is_there(".figures.prom.0123456789abcdef"));
    assert!(is_there(".figures.prom.fedcba9876543210"));
    assert!(others.into_iter().all(is_there));
    drop(held);
    assert!(writing(&home).status().unwrap().success());
    assert!(!is_there(".figures.prom.fedcba9876543210"));
}

#[test]
fn those_who_write_at_once_sweep_nothing_of_each_other() {
    let home = &Home::new();
    std::thread::scope(|scope| {
        let write = || (0..20).all(|_| writing(home).status().unwrap().success());
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        assert!(writers.into_iter().all(|it| it.join().unwrap()));
    });
    let left = std::fs::read_dir(&home.dir).unwrap();
    let names = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|it| it.starts_with(".figures")).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn only_a_plain_file_is_replaced() {
    let home = Home::new();
    let target = home.dir.join("target.prom");
    std::fs::write(&target, "of somebody").unwrap();
    std::os::unix::fs::symlink(&target, home.dir.join("link.prom")).unwrap();
    let pipe = home.dir.join("pipe.prom");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    std::fs::create_dir(home.dir.join("dir.prom")).unwrap();
    for out in ["link.prom", "pipe.prom", "dir.prom"] {
        let ran = run(home.command(METRICSD).args(["textfile", "--out", out]), b"");
        assert_eq!(ran.code, 2, "{out}: {ran:?}");
        assert!(ran.err.contains("no plain file"), "{ran:?}");
    }
    assert_eq!(std::fs::read_to_string(target).unwrap(), "of somebody");
}
