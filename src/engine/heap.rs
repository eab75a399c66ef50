//! How memory is had from the system.

/// Has every block of 128 KiB or more given by the system, and given back when it is freed, for good.
///
/// Such a block comes full of zeros, page by page as it is touched. Without this the allocator keeps large
/// blocks once it has seen some freed, and whoever asks for a zeroed one pays for all of its pages. It matters
/// to who makes and drops processes by the thousand, as the simulator does, and to nobody else.
pub fn large_blocks_from_the_system() {
    // SAFETY: it sets a number in the allocator, whatever else that does at the time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}
