//! Functions of the C library that a static program would get with half a megabyte behind them. They are replaced
//! in the programs that the `Makefile` builds (`--cfg shipped`), never in those of others who use this library.

#![expect(unsafe_code, reason = "they have the C library's names and arguments")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Write as _;

/// Where an `assert` of the C library itself fails. Its own says so in the reader's language, for which it carries
/// message catalogues, character sets and a loader of shared objects.
///
/// # Safety
/// The strings are the C library's own, ended by a zero.
// SAFETY: the C library's own has this name and these arguments, and does not return either.
#[unsafe(no_mangle)]
unsafe extern "C" fn __assert_fail(
    assertion: *const c_char,
    file: *const c_char,
    line: c_uint,
    _function: *const c_char,
) -> ! {
    // SAFETY: see above.
    let (assertion, file) = unsafe { (CStr::from_ptr(assertion), CStr::from_ptr(file)) };
    // A closed stderr leaves nobody to tell.
    let _: std::io::Result<()> = writeln!(
        std::io::stderr(),
        "{}:{line}: {}",
        file.to_string_lossy(),
        assertion.to_string_lossy()
    );
    std::process::abort()
}

/// A text of the C library in the reader's language: as it is.
// SAFETY: the C library's own has this name and these arguments, and returns `text` where it has no translation.
#[unsafe(no_mangle)]
extern "C" fn __dcgettext(
    _domain: *const c_char,
    text: *const c_char,
    _category: c_int,
) -> *const c_char {
    text
}

/// What the C library prints of its own accord: statistics and complaints, of which a Rust program causes none.
// SAFETY: the C library's own has this name, more arguments, and may fail.
#[unsafe(no_mangle)]
extern "C" fn __fxprintf(_stream: *mut c_void, _format: *const c_char) -> c_int {
    -1
}

/// As `__fxprintf`.
// SAFETY: see there.
#[unsafe(no_mangle)]
extern "C" fn fprintf(_stream: *mut c_void, _format: *const c_char) -> c_int {
    -1
}

/// The name of a thread is for debuggers. The C library's own prints a path for it, floating-point numbers included.
// SAFETY: the C library's own has this name and these arguments, and may decline.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_thread: libc::pthread_t, _name: *const c_char) -> c_int {
    libc::ENOSYS
}

/// Asked for functions that an older C library may lack. A static program has what it was linked with: there is
/// nothing to be found at run time, as the C library's own would say after a long search.
// SAFETY: the C library's own has this name and these arguments, and may find nothing.
#[unsafe(no_mangle)]
extern "C" fn dlsym(_handle: *mut c_void, _name: *const c_char) -> *mut c_void {
    std::ptr::null_mut()
}

/// How names of hosts are looked up, which every thread of the C library keeps a place for. No program here looks one
/// up; the C library's own reads three files for it, in the letters of any language.
// SAFETY: the C library's own has this name and these arguments, and may fail.
#[unsafe(no_mangle)]
extern "C" fn __res_vinit(_state: *mut c_void, _preinit: c_int) -> c_int {
    -1
}

/// As `__res_vinit`: the sockets that such a place has open.
// SAFETY: see there.
#[unsafe(no_mangle)]
extern "C" fn __res_iclose(_state: *mut c_void, _free: bool) {}

/// Asked for a home directory where `$HOME` is not set, to complete a path that begins with `~`: nobody is known.
/// The C library's own would ask the network too.
///
/// # Safety
/// `result` points to a pointer.
// SAFETY: the C library's own has this name and these arguments, and may find nobody.
#[unsafe(no_mangle)]
unsafe extern "C" fn getpwuid_r(
    _uid: libc::uid_t,
    _entry: *mut c_void,
    _buffer: *mut c_char,
    _length: usize,
    result: *mut *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe { *result = std::ptr::null_mut() };
    0
}

/// What an error number means. The C library's own prints the number of one that it does not know, with all that prints
/// numbers in the letters of any language.
// SAFETY: the C library's own has this name and these arguments, and need not use the buffer.
#[unsafe(no_mangle)]
extern "C" fn __strerror_r(number: c_int, _buffer: *mut c_char, _length: usize) -> *const c_char {
    unsafe extern "C" {
        fn strerrordesc_np(number: c_int) -> *const c_char;
    }
    // SAFETY: it is asked for any number, and answers with a text that stays or with nothing.
    let known = unsafe { strerrordesc_np(number) };
    if known.is_null() {
        c"Unknown error".as_ptr()
    } else {
        known
    }
}

/// How the C library's own letters become wide ones, which nothing here asks for. Its own tables bring the converters of
/// every character set.
// SAFETY: the C library's own has this name and this size; who has no converter in it looks for one, which nobody does.
#[unsafe(no_mangle)]
static __wcsmbs_gconv_fcts_c: [usize; 4] = [0; 4];

/// As `__wcsmbs_gconv_fcts_c`: for a stream of wide letters, of which a Rust program opens none.
// SAFETY: the C library's own has this name and this argument, and fills what is asked of nobody.
#[unsafe(no_mangle)]
extern "C" fn __wcsmbs_clone_conv(_copy: *mut c_void) {}

/// As `__wcsmbs_clone_conv`, by the name of its character set: there is none.
// SAFETY: the C library's own has this name and these arguments, and may fail.
#[unsafe(no_mangle)]
extern "C" fn __wcsmbs_named_conv(_copy: *mut c_void, _name: *const c_char) -> c_int {
    1
}

/// Where the C library itself asks an array of its own for what is beyond its end; its own prints by how much.
// SAFETY: the C library's own has this name and these arguments, and does not return either.
#[unsafe(no_mangle)]
extern "C" fn __libc_dynarray_at_failure(_size: usize, _index: usize) -> ! {
    std::process::abort()
}

/// Where the stack of a thread ends, for a message when it is too deep: it ends with SIGSEGV all the same. The C library's
/// own reads it from `/proc` with all that reads numbers.
// SAFETY: the C library's own has this name and these arguments, and may fail.
#[unsafe(no_mangle)]
extern "C" fn pthread_getattr_np(_thread: libc::pthread_t, _attributes: *mut c_void) -> c_int {
    libc::ENOSYS
}

/// What walks a stack: for a panic, which aborts here, and for a thread that is cancelled, which none is. With it every
/// program would read DWARF, so as to name functions in a backtrace that a stripped program has no names for. A panic says
/// all the same what went wrong, and where.
///
/// Only where a panic aborts, and the C library is the one that asks for no more of it than this.
#[cfg(all(own_entry, panic = "abort"))]
mod unwind {
    use std::ffi::{c_int, c_void};

    /// `_URC_END_OF_STACK`: there is nobody above.
    const END: c_int = 5;

    // SAFETY: the compiler's own library has this name and these arguments, and may see no frame.
    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Backtrace(_trace: *mut c_void, _argument: *mut c_void) -> c_int {
        END
    }

    macro_rules! never_called {
        ($($name:ident)*) => {$(
            // SAFETY: the compiler's own library has this name; it is called where something unwinds, and nothing does.
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> ! {
                std::process::abort()
            }
        )*};
    }

    never_called! {
        _Unwind_ForcedUnwind _Unwind_GetCFA _Unwind_GetDataRelBase _Unwind_GetIPInfo _Unwind_Resume _Unwind_GetLanguageSpecificData
        _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_SetGR _Unwind_SetIP __gcc_personality_v0
    }
}
