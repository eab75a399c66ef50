//! The page: the picture, and what it takes to look closer, in one file that asks for nothing else.

use super::escape::Escaped;
use super::gather::Gathered;
use super::svg::{self, STYLE};
use std::fmt::{self, Write};

/// What the script does stands in it; it gets all that it shows from the picture, as text.
const SCRIPT: &str = include_str!("page.js");
const PAGE_STYLE: &str = include_str!("page.css");

/// Appends the page.
pub fn page(to: &mut String, all: &Gathered, title: &str) {
    write(to, all, title).expect("a string takes it");
}

fn write(to: &mut String, all: &Gathered, title: &str) -> fmt::Result {
    let title = Escaped(title);
    // The policy is a second wall behind the escaping: no page of ours ever fetches or sends anything.
    writeln!(
        to,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{STYLE}{PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<label>Filter <input id="filter" type="search" placeholder="2a   A2   instance 7" spellcheck="false" autocomplete="off"></label>
<output id="count"></output>
<span id="zoom"><button id="out" title="smaller: -">&#8722;</button><button id="whole" title="whole width: 0">&#8596;</button><button id="in" title="larger: +">+</button></span>
<details>
<summary>What is what</summary>"#
    )?;
    for remark in svg::remarks(all) {
        writeln!(to, "<p>{}</p>", Escaped(&remark))?;
    }
    writeln!(
        to,
        r#"<p>Filter: packets with all these words in their line; <code>instance 7</code> (or <code>i7</code>): about that instance. Wheel or drag: move. Ctrl and wheel: zoom. Keys: arrows, PgUp, PgDn, Home, End; +, -, 0: zoom; /: filter; Esc: all.</p>
</details>
<ul>"#
    )?;
    for (hue, name) in svg::hues(all) {
        writeln!(to, r#"<li class="c{hue}"><i></i>{name}</li>"#)?;
    }
    writeln!(to, "</ul>\n</header>\n<main>")?;
    svg::picture(to, all, "", false);
    writeln!(to, "</main>\n<pre id=\"tip\" hidden></pre>\n<script>\n{SCRIPT}</script>\n</body>\n</html>")
}
