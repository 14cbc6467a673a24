//! A small book, built in a folder of its own.

use std::fs;

use mdbook_preprocessor::book::Chapter as Page;
use serde_json::Value;

use super::*;
use crate::explore::fake;

/// A book with one chapter.
pub(crate) fn small_book(chapter: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    // The command would fail: a build in this process must not run it.
    let config =
        "[book]\ntitle = \"Small\"\nsrc = \"chapters\"\n[preprocessor.halfopen]\ncommand = \"false\"\n";
    fs::write(root.path().join("book.toml"), config).unwrap();
    fs::create_dir(root.path().join("chapters")).unwrap();
    fs::write(root.path().join("chapters/SUMMARY.md"), "# Summary\n\n- [One](one.md)\n").unwrap();
    fs::write(root.path().join("chapters/one.md"), chapter).unwrap();
    root
}

fn runs() -> Runs {
    Runs::new(fake::REGISTRY)
}

#[test]
fn a_book_is_built_without_running_the_configured_command() {
    let text = "# One\n\n{{#figure fake/stall}}\n\n{{#story fake/stall}}\n\nIt took {{#measure fake/stall detect_time_s}} s. \
                `\\{{#list}}` and \\{{#include x}}.\n\n{{#ledger}}\n";
    let root = small_book(text);
    let dest = root.path().join("out");
    build(root.path(), &dest, &runs()).unwrap();
    let page = fs::read_to_string(dest.join("one.html")).unwrap();
    for part in [
        " id=\"one-1\"",
        "</svg>",
        "<code class=\"language-text halfopen-story\">",
        "<code>halfopen run fake/stall --format svg</code> <a",
        "<a class=\"ho-row\" href=\"one.html#i-01\">I-01</a>",
        "<a id=\"i-01\"></a><strong>I-01</strong>",
        ">15.04</data> s.",
        "<code>{{#list}}</code> and {{#include x}}.",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("&lt;figcaption") && !page.contains("&lt;/figure"), "HTML taken for text");
}

#[test]
fn a_wrong_chapter_fails_the_build_with_file_and_line_and_keeps_the_last_good_book() {
    let root = small_book("# One\n\ngood\n");
    let dest = root.path().join("out");
    build(root.path(), &dest, &runs()).unwrap();
    fs::write(root.path().join("chapters/one.md"), "# One\n\n{{#story fake/no}}\n").unwrap();
    let error = build(root.path(), &dest, &runs()).unwrap_err();
    assert!(matches!(error, BuildError::Chapters(_)));
    assert!(error.to_string().starts_with("chapters/one.md:3: no scenario `fake/no`;"), "{error}");
    assert!(fs::read_to_string(dest.join("one.html")).unwrap().contains("good"));
    // Also when it is mdBook that fails, late.
    fs::write(root.path().join("chapters/one.md"), "# One\n\nbetter\n").unwrap();
    let config = fs::read_to_string(root.path().join("book.toml")).unwrap();
    let config = config + "[output.html]\nadditional-css = [\"no/such.css\"]\n";
    fs::write(root.path().join("book.toml"), config).unwrap();
    assert!(matches!(build(root.path(), &dest, &runs()), Err(BuildError::MdBook(_))));
    assert!(fs::read_to_string(dest.join("one.html")).unwrap().contains("good"));
    let left: Vec<_> = root.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "nothing is left lying about: {left:?}");
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let root = small_book("# One\n");
    let dest = root.path().join("out");
    fs::create_dir(&dest).unwrap();
    fs::write(dest.join("thesis.tex"), "mine").unwrap();
    assert!(matches!(build(root.path(), &dest, &runs()), Err(BuildError::Occupied(_))));
    assert_eq!(fs::read_to_string(dest.join("thesis.tex")).unwrap(), "mine");
}

#[test]
fn without_a_book_the_error_says_where_to_stand() {
    let nowhere = tempfile::tempdir().unwrap();
    let error = build(nowhere.path(), &nowhere.path().join("out"), &runs()).unwrap_err();
    assert!(error.to_string().ends_with("run this in the root of the book's repository"), "{error}");
}

#[test]
fn a_chapter_that_nobody_has_written_is_an_error_and_not_made() {
    let root = small_book("# One\n");
    fs::remove_file(root.path().join("chapters/one.md")).unwrap();
    let error = build(root.path(), &root.path().join("out"), &runs()).unwrap_err().to_string();
    assert!(error.contains("one.md") && !error.contains('\n'), "{error}");
    assert!(!root.path().join("chapters/one.md").exists());
}

#[test]
fn what_mdbook_sends_comes_back_with_the_directives_replaced() {
    let mut config = Config::default();
    config.book.src = "chapters".into();
    let context = PreprocessorContext::new("/nowhere".into(), config, "html".to_owned());
    let mut book = Book::new();
    book.push_item(Page::new("One", "{{#measure fake/stall updates_lost}}".to_owned(), "one.md", Vec::new()));
    let input = serde_json::to_vec(&(&context, &book)).unwrap();
    let mut output = Vec::new();
    preprocess(input.as_slice(), &mut output, &runs()).unwrap();
    let answer: Value = serde_json::from_slice(&output).unwrap();
    let content = answer["items"][0]["Chapter"]["content"].clone();
    assert!(content.as_str().is_some_and(|text| text.contains(">0</data>")), "{content}");
    // Everything else is as it was sent.
    let mut expected = serde_json::to_value(&book).unwrap();
    expected["items"][0]["Chapter"]["content"] = content;
    assert_eq!(answer, expected);

    let error = preprocess(&b"[]"[..], Vec::new(), &runs()).unwrap_err();
    assert!(matches!(error, BuildError::MdBook(_)));
    assert!(supports("html") && !supports("not-supported"));
}

#[test]
fn a_book_is_not_built_into_its_own_sources_nor_where_none_can_be() {
    let root = small_book("# One\n");
    fs::create_dir(root.path().join("theme")).unwrap();
    for inside in ["chapters/out", "chapters", "chapters/../chapters/a/b", "theme/out"] {
        let error = build(root.path(), &root.path().join(inside), &runs()).unwrap_err().to_string();
        assert!(
            error.contains("is among the book's sources")
                || (inside == "chapters" && error.contains("not empty")),
            "{inside}: {error}"
        );
    }
    assert!(!root.path().join("chapters/out").exists());
    for none in ["book.toml", "book.toml/book"] {
        let place = root.path().join(none);
        let error = build(root.path(), &place, &runs()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} cannot hold a book: ", place.display())), "{error}");
    }
}

#[test]
fn a_built_book_has_its_program_and_a_page_for_what_is_not_there() {
    let root = small_book("# One\n");
    let dest = root.path().join("out");
    build(root.path(), &dest, &runs()).unwrap();
    let build_json = fs::read_to_string(dest.join("live/build.json")).unwrap();
    assert!(
        build_json.contains("\"module\":null") && build_json.contains("\"native\":false"),
        "{build_json}"
    );
    assert!(dest.join("live/worker.js").is_file());
    // It may be shown for a page of any folder: nothing in it is relative to where it lies.
    let page = fs::read_to_string(dest.join("404.html")).unwrap();
    assert!(
        page.contains("Not in this book") && !page.contains("<base") && !page.contains("rel=\"stylesheet\""),
        "{page}"
    );
}

#[test]
fn a_plain_mdbook_build_gets_the_program_from_the_chapters_folder() {
    let root = small_book("# One\n");
    let context = serde_json::json!({
        "root": root.path(), "config": {"book": {"src": "chapters"}}, "renderer": "html", "mdbook_version": "0.5.4",
    });
    let input = format!("[{context}, {{\"items\": []}}]");
    let mut out = Vec::new();
    preprocess(input.as_bytes(), &mut out, &runs()).unwrap();
    let live = root.path().join("chapters/live");
    assert!(live.join("worker.js").is_file() && live.join("build.json").is_file());
    // A build in this process afterwards has its own.
    fs::write(live.join("old.js"), "").unwrap();
    let dest = root.path().join("out");
    build(root.path(), &dest, &runs()).unwrap();
    assert!(dest.join("live/worker.js").is_file() && !dest.join("live/old.js").exists());
}
