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

/// Has the system put memory behind bytes that were just had from it and will be written soon: in one go, which
/// costs two thirds of what it takes page by page. A system that does not know how does so then.
pub fn touch(bytes: &mut [u8]) {
    let page = rustix::param::page_size();
    let range = bytes.as_mut_ptr_range();
    let (begin, end) = (range.start.addr().next_multiple_of(page), range.end.addr() / page * page);
    if begin < end {
        // SAFETY: the pages from `begin` to `end` lie within `bytes`, which is borrowed for writing, and what
        // they hold does not change.
        #[cfg(target_os = "linux")]
        unsafe {
            libc::madvise(range.start.with_addr(begin).cast(), end - begin, libc::MADV_POPULATE_WRITE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bytes_hold_is_left_as_it_is() {
        let mut bytes = vec![7; 100_000];
        for (begin, end) in [(0, 100_000), (1, 99_999), (50, 60), (5000, 5000)] {
            touch(&mut bytes[begin..end]);
        }
        assert_eq!(bytes, [7; 100_000]);
    }
}
