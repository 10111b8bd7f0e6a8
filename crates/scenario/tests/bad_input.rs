//! Every file in `scenarios/bad-input` is wrong in the way its name says, and what is said about it is a
//! contract: the whole text is compared.

mod files;

use files::{checked, read, toml_files};
use scenario::Sources;

#[test]
fn every_mistake_is_explained() {
    for name in toml_files("scenarios/bad-input") {
        let checked = checked(&name);
        let errors = checked.outcome.expect_err(&name);
        let rendered = scenario::render(&errors, &checked.sources, false);
        let stem = name.rsplit('/').next().unwrap().trim_end_matches(".toml");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(stem, rendered);
        });
    }
}

#[test]
fn colours_mark_the_place_and_change_nothing_else() {
    let name = "scenarios/bad-input/unknown-node.toml";
    let text = read(name);
    let errors = scenario::check(&text, name).expect_err(name);
    let coloured = scenario::render(&errors, &Sources::of(name, &text), true);
    assert!(coloured.contains("\x1b[1;31m^^^^^^^^^^^"), "{coloured:?}");
    let mut plain = coloured;
    for code in [
        "\x1b[0m",
        "\x1b[1m",
        "\x1b[1;31m",
        "\x1b[1;34m",
        "\x1b[1;36m",
    ] {
        plain = plain.replace(code, "");
    }
    assert_eq!(
        plain,
        scenario::render(&errors, &Sources::of(name, &text), false)
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let nodes: Vec<String> = (0..40).map(|n| format!("\"node-{n}\"")).collect();
    let text = format!(
        "[nodes]\n\n[lans]\nlan = {{ join = [{}] }}\n",
        nodes.join(", ")
    );
    let errors = scenario::check(&text, "long.toml").expect_err("there are no such nodes");
    let rendered = scenario::render(&errors[30..31], &Sources::of("long.toml", &text), false);
    let lines: Vec<&str> = rendered.lines().collect();
    let marked: String = lines[4]
        .char_indices()
        .filter(|(_, mark)| *mark == '^')
        .filter_map(|(at, _)| lines[3].chars().nth(at))
        .collect();
    assert_eq!(marked, "\"node-29\"", "{rendered}");
    assert!(lines[3].chars().count() < 180, "{rendered}");
}
