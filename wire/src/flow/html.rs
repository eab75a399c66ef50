//! The page.

use super::gather::Gathered;
use super::svg;

/// Appends a page that holds the picture and all that it needs.
pub fn page(to: &mut String, all: &Gathered, title: &str) {
    svg::picture(to, all, title, false);
}
