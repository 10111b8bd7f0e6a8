//! The page in `docs` is what the types say.
#![allow(
    clippy::unwrap_used,
    reason = "a page that cannot be read or written fails the test"
)]

use std::path::Path;

#[test]
fn the_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenario.md");
    let reference = scenario::reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&page, &reference).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == reference,
        "docs/scenario.md is not what the types say; `BLESS=1 cargo test -p scenario --test reference` writes it"
    );
}

#[test]
fn what_each_kind_tells_is_in_the_page_about_peers() {
    const MARKS: [&str; 2] = [
        "<!-- Generated: `BLESS=1 cargo test -p scenario --test reference` -->\n",
        "<!-- End of what is generated. -->\n",
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/peers.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (told, after) = rest.split_once(MARKS[1]).unwrap();
    let routes = scenario::RouteField::table();
    let sessions = scenario::SessionField::table();
    let table = format!("{routes}\nOf sessions:\n\n{sessions}");
    if std::env::var_os("BLESS").is_some() {
        let page = [before, MARKS[0], &table, MARKS[1], after].concat();
        std::fs::write(&path, page).unwrap();
        return;
    }
    assert!(
        told == table,
        "docs/peers.md is not what the types say; `BLESS=1 cargo test -p scenario --test reference` writes it"
    );
}

#[test]
fn every_key_has_a_meaning() {
    fn look(path: &str, value: &serde_json::Value, lacking: &mut Vec<String>) {
        let Some(object) = value.as_object() else {
            if let Some(all) = value.as_array() {
                all.iter().for_each(|one| look(path, one, lacking));
            }
            return;
        };
        for (key, property) in object
            .get("properties")
            .and_then(|p| p.as_object())
            .into_iter()
            .flatten()
        {
            let described = property.get("description").is_some() || key == "kind";
            // What a table holds one of says it beside.
            let choice = object.get("description").is_some() && !path.ends_with("File");
            if !described && !choice {
                lacking.push(format!("{path}/{key}"));
            }
        }
        for (key, value) in object {
            look(&format!("{path}/{key}"), value, lacking);
        }
    }
    let mut lacking = Vec::new();
    look("", &scenario::schema()["$defs"], &mut lacking);
    assert!(lacking.is_empty(), "no meaning: {lacking:?}");
}
