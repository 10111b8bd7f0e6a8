//! What every page has: the way to it, style, script, and what browsers may do with it.

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _},
};

use super::escape;
use crate::glass::encode;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");

/// Where a page is: the elements of its path, and the version of what it shows.
pub(in crate::rest) struct Place<'a> {
    pub(in crate::rest) path: &'a [String],
    pub(in crate::rest) query: &'a str,
    pub(in crate::rest) version: u64,
}

/// A word that nobody can guess, for the style and script of one answer.
pub(in crate::rest) fn nonce() -> String {
    // The standard library's hasher keys come from the system's random numbers.
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

/// The Content-Security-Policy of a page: its own style and script, and requests to this daemon; nothing else, wherever a
/// text in the page may come from.
pub(in crate::rest) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A whole page around its content.
pub(in crate::rest) fn frame(place: &Place<'_>, nonce: &str, content: &str) -> String {
    let Place {
        path,
        query,
        version,
    } = place;
    let title = path.last().map_or("looking glass", String::as_str);
    let title = escape(title);
    let mut way = String::from("<a href=\"/looking-glass\">looking glass</a>");
    let mut href = String::from("/looking-glass");
    for element in *path {
        href.push('/');
        href.push_str(&encode(element));
        // Writing to a string cannot fail.
        let _ = write!(way, " / <a href=\"{href}\">{}</a>", escape(element));
    }
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", escape(query))
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} - bagpipe-bgp</title>\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body data-version=\"{version}\">\n<header>\n<nav>{way}</nav>\n\
         <input id=\"search\" type=\"search\" placeholder=\"search this page\" hidden>\n\
         <span id=\"live\"></span>\n<span class=\"null\">{query}</span>\n</header>\n\
         <main id=\"content\">\n{content}</main>\n<script nonce=\"{nonce}\">\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
