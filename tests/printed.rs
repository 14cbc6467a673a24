//! The commands that the book and the README print do what they are printed under.
#![cfg(feature = "book")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use halfopen::book;
use halfopen::explore::{Registry, Runs};

/// The pages of the book, built anew.
fn pages() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("book");
    book::build(Path::new(env!("CARGO_MANIFEST_DIR")), &dest, &Runs::new(Registry::all())).unwrap();
    let mut pages: Vec<(String, String)> = dest
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "html"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// What stands between two marks, each time they occur in this order.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).filter_map(|rest| rest.split_once(to).map(|(found, _)| found)).collect()
}

fn unescaped(html: &str) -> String {
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    pairs.iter().fold(html.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}

/// The words of a command, quoted as in a shell.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => words.last_mut().unwrap().push(c),
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            None => words.last_mut().unwrap().push(c),
        }
    }
    assert_eq!(quote, None, "{command}");
    words.retain(|word| !word.is_empty());
    words
}

fn run(command: &str) -> Output {
    let words = words(command);
    assert_eq!(words[0], "halfopen", "{command}");
    Command::new(env!("CARGO_BIN_EXE_halfopen")).args(&words[1..]).stdin(Stdio::null()).output().unwrap()
}

/// Does it for all of them, on two threads.
fn for_all<T: Sync>(items: &[T], does: impl Fn(&T) + Sync) {
    let rest = Mutex::new(items.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().unwrap().next();
                    match next {
                        Some(item) => does(item),
                        None => return,
                    }
                }
            });
        }
    });
}

/// A drawing, element by element: without the style that a file of its own carries, and with the ids that every other one
/// has. However it was written, the same drawing is the same text (HTML does not mind the case of names).
fn drawing(text: &str, id: &str) -> String {
    fn tell(node: roxmltree::Node<'_, '_>, id: &str, out: &mut String) {
        if let Some(text) = node.text().filter(|text| node.is_text() && !text.trim().is_empty()) {
            *out += &format!("{}\n", text.trim());
        }
        if !node.is_element() || node.has_tag_name("style") {
            return;
        }
        let ids = |value: &str| {
            let words = value.split(' ').map(|word| match word.strip_prefix(id) {
                Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("figure{rest}"),
                _ => word.replace(&format!("#{id}-"), "#figure-"),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        let mut attributes: Vec<String> =
            node.attributes().map(|a| format!(" {}={:?}", a.name().to_lowercase(), ids(a.value()))).collect();
        attributes.sort();
        *out += &format!("<{}{}>\n", node.tag_name().name().to_lowercase(), attributes.concat());
        node.children().for_each(|child| tell(child, id, out));
    }
    let svg = &text[text.find("<svg").expect("a drawing")..];
    let document = roxmltree::Document::parse(svg).expect("a drawing is XML");
    let mut out = String::new();
    tell(document.root_element(), id, &mut out);
    out
}

#[test]
fn the_command_under_a_picture_makes_that_picture() {
    let pages = pages();
    let mut blocks = Vec::new();
    for (page, html) in &pages {
        for block in between(html, "<figure class=\"halfopen", "</figure>") {
            let kind = between(block, "data-kind=\"", "\"")[0];
            let id = between(block, "id=\"fig-", "\"")[0];
            let command = unescaped(between(block, "<p class=\"halfopen-command\"><code>", "</code>")[0]);
            blocks.push((page, kind, id, command, block));
        }
    }
    let of = |wanted: &str| blocks.iter().filter(|(_, kind, ..)| *kind == wanted).count();
    assert!(of("figure") > 10 && of("story") > 5 && of("sweep") > 3 && of("packets") > 2, "{}", blocks.len());
    for_all(&blocks, |(page, kind, id, command, block)| {
        let output = run(command);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code().is_some_and(|status| status < 2), "{page}: {command}");
        match *kind {
            "figure" | "sweep" => {
                let part = if *kind == "figure" { "figure" } else { "chart" };
                let shown = between(block, &format!("data-part=\"{part}\">"), "</div>")[0];
                // The names of the lanes, which stay in sight, stand before it.
                let (_, shown) = shown.rsplit_once("<svg").unwrap();
                let shown = drawing(&format!("<svg{shown}"), id);
                let drawn = drawing(&printed, "figure");
                let differs = drawn.lines().zip(shown.lines()).find(|(a, b)| a != b);
                assert!(drawn == shown, "{page}: `{command}` draws something else: {differs:?}");
            }
            "story" | "packets" => {
                let story = between(block, "halfopen-story\">", "</code>");
                let packets = between(block, "halfopen-packets\">", "</code>");
                let shown = unescaped(packets.first().unwrap_or_else(|| &story[0]));
                assert!(
                    printed.contains(shown.trim_end()),
                    "{page}: `{command}` tells something else:\n{shown}"
                );
            }
            _ => {}
        }
    });
}

#[test]
fn every_command_in_the_book_and_the_readme_can_be_run() {
    let mut commands: Vec<String> = Vec::new();
    for (_, html) in pages() {
        let printed = between(&html, "<code>halfopen ", "</code>");
        commands.extend(printed.into_iter().map(|rest| unescaped(&format!("halfopen {rest}"))));
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let of_readme = readme.lines().filter_map(|line| {
        let line = line.trim_start_matches("$ ").split(" #").next()?.trim_end();
        line.strip_prefix("cargo run --release -- ")
            .map(|rest| format!("halfopen {rest}"))
            .or_else(|| line.starts_with("halfopen ").then(|| line.to_owned()))
    });
    commands.extend(of_readme);
    commands.sort();
    commands.dedup();
    // What serves for ever, writes beside the repository, or is a form of words and no command.
    commands.retain(|command| {
        let serves = ["halfopen live", "halfopen book"].iter().any(|start| command.starts_with(start));
        !serves && !command.contains("--pcap") && !command.contains("..]") && !command.contains("SCENARIO")
    });
    assert!(commands.len() > 100, "{}", commands.len());
    for_all(&commands, |command| {
        let output = run(command.split(" | ").next().unwrap().split(" > ").next().unwrap());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some_and(|status| status < 2), "`{command}`: {error}");
    });
}
