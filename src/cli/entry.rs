//! The C library's entry, less what a program that ends after a millisecond does not need. `__libc_start_main` of a
//! static program asks the processor for all its features and caches, some sixty times; each question costs
//! microseconds where a hypervisor answers. It looks for its own path and for the kernel's clock page as well. All
//! that is a third of a send.
//!
//! This one does the rest of it, in the same order, for the one version whose inner names it knows: the `Makefile`
//! asks for it (`--cfg own_entry`) where that version is there, and everywhere else the C library's own is linked.
//! Without features asked for, `memcpy` and its kin take the forms that every x86-64 has.
//!
//! Source of the order: glibc 2.36, `csu/libc-start.c`, the part that is not `SHARED`.

#![expect(unsafe_code, reason = "runs before there is anything safe to stand on")]

use std::arch::asm;
use std::ffi::{c_char, c_int, c_long, c_void};

type Main = extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Constructor = extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char);

/// `Elf64_Rela` of a function that is chosen at start-up.
#[repr(C)]
struct Choice {
    place: *mut usize,
    _info: u64,
    chooser: extern "C" fn() -> usize,
}

// The names are the C library's; the linker finds them in `libc.a`, or makes them.
unsafe extern "C" {
    static mut __environ: *mut *mut c_char;
    static mut __libc_stack_end: *mut c_void;
    static mut _dl_stack_flags: c_int;
    static _dl_random: *const u64;
    static __rela_iplt_start: [Choice; 0];
    static __rela_iplt_end: [Choice; 0];
    static __init_array_start: [Constructor; 0];
    static __init_array_end: [Constructor; 0];
    fn _dl_aux_init(auxiliary: *const *mut c_char);
    fn __libc_setup_tls();
    fn __libc_early_init(initial: bool);
    fn _init();
    fn exit(status: c_int) -> !;
}

/// What `memcpy` and its kin go by, in bytes: the values of a processor that tells nothing of its caches.
macro_rules! thresholds {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(
            // SAFETY: of this name and type the C library has none but in the file that this one replaces.
            #[unsafe(no_mangle)]
            static $name: $type = $value;
        )*
    };
}

thresholds! {
    __x86_data_cache_size: c_long = 32 << 10;
    __x86_data_cache_size_half: c_long = 16 << 10;
    __x86_shared_cache_size: c_long = 1 << 20;
    __x86_shared_cache_size_half: c_long = 1 << 19;
    __x86_shared_non_temporal_threshold: c_long = 3 << 18;
    __x86_rep_movsb_threshold: c_long = 2048;
    __x86_rep_stosb_threshold: c_long = 2048;
    __x86_rep_movsb_stop_threshold: c_long = 3 << 18;
    __x86_string_control: c_int = 0;
}

/// Stacks of threads are read and written, never run: `PF_R | PF_W`.
const STACK: c_int = 4 | 2;

/// Called by the C library's `_start`, which passes what the kernel left on the stack.
///
/// # Safety
/// Only `_start` may call it, once.
// SAFETY: it takes the place of the C library's, whose arguments and whose promise it has.
#[unsafe(no_mangle)]
unsafe extern "C" fn __libc_start_main(
    main: Main,
    argc: c_int,
    argv: *mut *mut c_char,
    _init_unused: *const c_void,
    _fini_unused: *const c_void,
    _rtld_fini: *const c_void,
    stack_end: *mut c_void,
) -> c_int {
    // SAFETY: one thread, and each step stands on those before it, as in the C library. Until the choices are made
    // and the thread's own block stands, nothing here may copy memory, panic or touch a thread-local.
    unsafe {
        let environment = argv.offset(argc as isize + 1);
        __environ = environment;
        __libc_stack_end = stack_end;
        let mut auxiliary = environment;
        while !(*auxiliary).is_null() {
            auxiliary = auxiliary.add(1);
        }
        _dl_aux_init(auxiliary.add(1));
        let mut choice = (&raw const __rela_iplt_start).cast::<Choice>();
        while choice < (&raw const __rela_iplt_end).cast() {
            *(*choice).place = ((*choice).chooser)();
            choice = choice.add(1);
        }
        __libc_setup_tls();
        // A canary of the kernel's random bytes, its first byte zero, so that no string can carry it over; the next
        // eight hide pointers that lie in memory.
        let canary = *_dl_random & !0xff;
        asm!("mov fs:0x28, {}", in(reg) canary, options(nostack, preserves_flags));
        let guard = *_dl_random.add(1);
        asm!("mov fs:0x30, {}", in(reg) guard, options(nostack, preserves_flags));
        _dl_stack_flags = STACK;
        __libc_early_init(true);
        _init();
        let mut constructor = (&raw const __init_array_start).cast::<Constructor>();
        while constructor < (&raw const __init_array_end).cast() {
            (*constructor)(argc, argv, environment);
            constructor = constructor.add(1);
        }
        exit(main(argc, argv, environment))
    }
}
