//! The looking glass for browsers: the same pages at the same addresses, as HTML.
//!
//! Nothing is loaded from elsewhere, and nothing that came in from outside is ever more than text: see [`policy`].

mod frame;
mod json;
mod routes;

pub(super) use self::frame::{Place, frame, nonce, policy};
pub(super) use self::{
    json::page,
    routes::{MOST_ROWS, ROWS, list},
};

/// Text as it may stand anywhere in HTML, attributes in double quotes too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Whether a client would rather have HTML than JSON, as browsers say it: `text/html` first, or with the greater weight
/// (RFC 9110 section 12.5.1). What takes anything alike, as `curl` does, gets JSON.
pub(super) fn is_preferred(accept: Option<&str>) -> bool {
    let Some(accept) = accept else {
        return false;
    };
    let weight = |wanted: &str| {
        let ranges = accept.split(',').map(str::trim);
        let mut found = ranges.filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?;
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
            name.eq_ignore_ascii_case(wanted).then_some(weight)
        });
        found.next()
    };
    match (weight("text/html"), weight("application/json")) {
        (None, _) => false,
        (Some(html), None) => html > 0.0,
        (Some(html), Some(json)) => html > json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_html_and_programs_json() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let yes = [firefox, "text/html", "application/json;q=0.5, text/html"];
        let no = [
            "*/*",
            "application/json",
            "application/json, text/html",
            "application/json, text/html;q=0.9",
            "text/html;q=0",
            "text/plain",
            "",
        ];
        assert!(yes.iter().all(|accept| is_preferred(Some(accept))));
        assert!(!no.iter().any(|accept| is_preferred(Some(accept))));
        assert!(!is_preferred(None));
    }

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(
            escape(r#"<script>'&"</script>"#),
            "&lt;script&gt;&#39;&amp;&quot;&lt;/script&gt;"
        );
    }
}
