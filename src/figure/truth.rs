//! What a figure must never say: checked over every figure of the chapters and every scenario's whole run, at both
//! widths, by reading the SVG back.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use roxmltree::{Document, Node};

use super::labels::{Rect, pieces};
use super::layout::Layout;
use super::rows::Content;
use super::words::{tick, width};
use super::*;
use crate::explore::Registry;
use crate::parameter::scalar;
use crate::scenario::Settings;
use crate::trace::testing::{Tcp, TraceBuilder, at_ms};
use crate::trace::{Fate, HostId, Span};

/// A figure that is checked: what it is called, its run, what it shows.
struct Case {
    name: String,
    trace: Trace,
    options: Options,
}

/// The words of a directive; quotes hold a word together.
fn words_of(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, ' ') => out.push(String::new()),
            (_, c) => out.last_mut().expect("it has one").push(c),
        }
    }
    out
}

/// The figures of the chapters, and every scenario from beginning to end.
fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let registry = Registry::all();
        let run = |scenario: &str, given: Vec<(String, String)>| {
            let settings = Settings { given: given.into_iter().collect(), ..Settings::default() };
            registry.find(scenario).unwrap().run(&settings).unwrap().trace
        };
        let mut out = Vec::new();
        let chapters = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("chapters");
        let mut files: Vec<_> = std::fs::read_dir(chapters).unwrap().map(|f| f.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|e| e == "md"));
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for line in text.lines().filter_map(|l| l.strip_prefix("{{#figure ")?.strip_suffix("}}")) {
                let words = words_of(line);
                let mut options = Options { id: "f".to_owned(), ..Options::default() };
                let mut given = Vec::new();
                let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
                for word in &words[1..] {
                    match word.split_once('=').unwrap_or((word, "")) {
                        ("--from", at) => options.from = Some(scalar(at).unwrap()),
                        ("--until", at) => options.until = Some(scalar(at).unwrap()),
                        ("--hosts", hosts) => options.hosts = list(hosts),
                        ("--packets", packets) => options.packets = packets != "no",
                        ("--layers", layers) => {
                            options.layers.retain(|l| list(layers).iter().any(|name| name == l.name()));
                        }
                        (name, value) if !name.starts_with("--") => {
                            given.push((name.to_owned(), value.to_owned()))
                        }
                        _ => {}
                    }
                }
                out.push(Case { name: line.to_owned(), trace: run(&words[0], given), options });
            }
        }
        assert!(out.len() > 15, "the chapters have figures");
        for scenario in registry.scenarios() {
            let trace = run(scenario.name(), Vec::new());
            out.push(Case { name: scenario.name().to_owned(), trace, options: Options::default() });
        }
        out
    })
}

/// Every case at both widths, drawn.
fn each(check: impl Fn(&str, &Case, &Options, &Drawing, &Document)) {
    for case in cases() {
        for width in [WIDE, NARROW] {
            let options = Options { width, ..case.options.clone() };
            let drawn = drawing(&case.trace, &options);
            let doc = Document::parse(&drawn.svg).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            check(&format!("{} at {width}", case.name), case, &options, &drawn, &doc);
        }
    }
}

fn classes<'a>(node: &Node<'a, '_>) -> Vec<&'a str> {
    node.attribute("class").map(|c| c.split(' ').collect()).unwrap_or_default()
}

fn number(node: &Node, name: &str) -> f64 {
    node.attribute(name).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name} of {node:?}"))
}

/// The sizes that the style sheet gives to texts, by class; in a narrow figure others may hold.
fn sizes_of_type(narrow: bool) -> BTreeMap<&'static str, f64> {
    let mut out = BTreeMap::new();
    for rule in CSS.split('}') {
        let Some((selectors, body)) = rule.rsplit_once('{') else { continue };
        let Some(size) = body.split("font-size: ").nth(1).and_then(|s| s.split("px").next()?.parse().ok())
        else {
            continue;
        };
        for selector in selectors.rsplit("*/").next().unwrap().split(',') {
            let small = selector.contains(".ho-small");
            if let Some(class) = selector.trim().rsplit(" .").next().filter(|_| !small || narrow) {
                out.insert(class, size);
            }
        }
    }
    out
}

fn size_of(node: &Node, narrow: bool) -> f64 {
    let sizes = sizes_of_type(narrow);
    let class = classes(node);
    class.iter().find_map(|c| sizes.get(c)).copied().unwrap_or_else(|| panic!("{class:?} has no size"))
}

/// The room that a text takes, as upright rectangles; a little less, as letters do not fill it.
fn room_of(node: &Node, narrow: bool) -> Vec<Rect> {
    let size = size_of(node, narrow);
    let (x, y) = (number(node, "x"), number(node, "y"));
    // The estimates of widths are generous; what overlaps by less than this does not overlap on a screen.
    let wide = width(node.text().unwrap_or_default(), size) * 0.94;
    if let Some(turn) = node.attribute("transform") {
        let degrees: f64 = turn["rotate(".len()..].split(' ').next().unwrap().parse().unwrap();
        let radians = degrees.to_radians();
        return pieces((x, y), (radians.cos(), radians.sin()), wide, size * 0.8);
    }
    let left = match node.attribute("text-anchor") {
        Some("middle") => x - wide / 2.0,
        Some("end") => x - wide,
        _ => x,
    };
    vec![Rect(left, y - size * 0.72, left + wide, y + size * 0.18)]
}

fn texts<'a, 'i>(doc: &'a Document<'i>) -> Vec<Node<'a, 'i>> {
    doc.descendants().filter(|n| n.has_tag_name("text")).collect()
}

#[test]
fn the_slope_of_every_arrow_is_its_latency_in_every_figure() {
    each(|name, case, options, _, doc| {
        let content = Content::of(&case.trace, options);
        let mut flights = Vec::new();
        for node in doc.descendants().filter(|n| classes(n).contains(&"ho-packet")) {
            if classes(&node).contains(&"ho-broken") {
                continue;
            }
            let row = &content.rows[number(&node, "data-r") as usize];
            let rows::What::Arrow(arrow) = &row.what else { panic!("{name}: row of a packet") };
            let arrows::ArrowEnd::Arrives(at) = arrow.end else { continue };
            let line = node.children().find(|c| classes(c).contains(&"ho-arrow")).unwrap();
            let numbers: Vec<f64> =
                line.attribute("d").unwrap().split(['M', ' ', 'L']).filter_map(|n| n.parse().ok()).collect();
            flights.push(((at - row.at).as_secs_f64(), numbers[3] - numbers[1]));
        }
        let Some(longest) = flights.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        for (latency, fall) in flights {
            let right = longest.1 * latency / longest.0;
            assert!((fall - right).abs() < 0.21, "{name}: {latency} s fall {fall}, and not {right}");
        }
    });
}

#[test]
fn no_two_texts_of_a_figure_overlap_and_none_leaves_the_frame() {
    each(|name, _, options, _, doc| {
        let narrow = options.width == NARROW;
        let frame: Vec<f64> =
            doc.root_element().attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        let texts = texts(doc);
        let rooms: Vec<Vec<Rect>> = texts.iter().map(|n| room_of(n, narrow)).collect();
        for (i, mine) in rooms.iter().enumerate() {
            let said = texts[i].text().unwrap_or_default();
            for rect in mine {
                let inside =
                    rect.0 >= -0.5 && rect.1 >= 0.0 && rect.2 <= frame[2] + 0.5 && rect.3 <= frame[3];
                assert!(inside, "{name}: `{said}` at {rect:?} leaves {frame:?}");
            }
            for (j, other) in rooms.iter().enumerate().skip(i + 1) {
                let overlap = mine.iter().any(|a| other.iter().any(|b| a.overlaps(b)));
                assert!(
                    !overlap,
                    "{name}: `{said}` {mine:?} and `{}` {other:?}",
                    texts[j].text().unwrap_or_default()
                );
            }
        }
    });
}

#[test]
fn type_is_legible_and_no_larger_than_the_text_around_it() {
    each(|name, _, options, drawn, doc| {
        let narrow = options.width == NARROW;
        let style = doc.root_element().attribute("style").unwrap();
        let pixels = |what: &str| -> f64 {
            style.split(what).nth(1).unwrap().split("px").next().unwrap().parse().unwrap()
        };
        let frame: f64 =
            doc.root_element().attribute("viewBox").unwrap().split(' ').nth(2).unwrap().parse().unwrap();
        let (least, most) = (pixels("min-width:") / frame, pixels("max-width:") / frame);
        for node in texts(doc) {
            let size = size_of(&node, narrow);
            assert!(size * least >= 10.99 && size * most <= 16.0, "{name}: {size} x {least}..{most}");
        }
        let lanes = Document::parse(&drawn.heads).map_or(0, |d| self::texts(&d).len());
        assert!(lanes > 3 || frame <= f64::from(options.width), "{name}: {lanes} lanes are {frame} wide");
    });
}

#[test]
fn the_time_axis_has_no_moment_without_an_event() {
    each(|name, case, options, _, doc| {
        let content = Content::of(&case.trace, options);
        if content.lanes.is_empty() || options.width == NARROW {
            return;
        }
        let layout = Layout::new(&case.trace, &content, f64::from(options.width));
        let axis = layout.axis.unwrap();
        let labels = doc.descendants().filter(|n| {
            n.has_tag_name("text") && classes(n) == ["ho-time"] && n.parent().unwrap() == doc.root_element()
        });
        for label in labels {
            assert!((number(&label, "x") - axis).abs() < 0.1);
            let y = number(&label, "y") - layout.fonts.small.0 * 0.35;
            let said = label.text().unwrap();
            let happened = content
                .rows
                .iter()
                .any(|row| (layout.scale.y(row.at) - y).abs() < 0.2 && tick(row.at, layout.latency) == said);
            assert!(happened, "{name}: nothing happens at {said}");
        }
    });
}

#[test]
fn every_row_can_be_focused_says_all_and_stands_in_the_list() {
    each(|name, case, options, drawn, doc| {
        let content = Content::of(&case.trace, options);
        let mut rows: Vec<usize> = Vec::new();
        for node in doc.descendants().filter(|n| n.attribute("tabindex").is_some()) {
            assert_eq!(node.attribute("tabindex"), Some("0"));
            let title = node.children().find(|c| c.has_tag_name("title")).and_then(|t| t.text()).unwrap();
            let row: usize = number(&node, "data-r") as usize;
            let told = drawn.lines.iter().find(|l| l.row == Some(row)).unwrap();
            // Titles are escaped, and control characters are not shown.
            let begins = title.starts_with(&crate::trace::text::seconds(told.at));
            assert!(begins && title.contains(&told.who), "{name}: {title} is not {told:?}");
            assert!(
                node.children().any(|c| classes(&c).contains(&"ho-hit")),
                "{name}: {title} cannot be touched"
            );
            rows.push(row);
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..content.rows.len()).collect::<Vec<_>>(), "{name}");
        let listed: Vec<usize> = drawn.lines.iter().filter_map(|l| l.row).collect();
        assert_eq!(listed, rows, "{name}");
        assert!(drawn.lines.windows(2).all(|w| w[0].at <= w[1].at), "{name}");
        let times = doc.root_element().attribute("data-times").unwrap_or_default();
        let points: Vec<(u64, f64)> = times
            .split(',')
            .filter_map(|p| p.split_once(':'))
            .map(|(t, y)| (t.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert!(points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{name}");
    });
}

/// A partition from 1 s to 31 s, something on both sides of it and in it.
fn an_outage() -> Trace {
    let mut b = TraceBuilder::new(&["phone", "server"]);
    for at in [0, 500, 2000, 40_000] {
        let end = move |p: &mut crate::trace::Packet| p.fate = Fate::Arrived(at_ms(at + 20));
        b.packet(at, "phone", "server", Tcp::new(2, 1).ack(1).data(b"x")).last(end);
    }
    let mut trace = b.build();
    trace.spans = vec![Span {
        from: at_ms(1000),
        until: Some(at_ms(31_000)),
        hosts: vec![HostId(0), HostId(1)],
        one_way: false,
        what: "partition",
    }];
    trace
}

/// The title of the only band, its horizontal borders, and the horizontal edges of its shape.
fn band(svg: &str) -> (String, usize, usize) {
    let doc = Document::parse(svg).unwrap();
    let span = doc.descendants().find(|n| classes(n).contains(&"ho-span")).unwrap();
    let title = span.children().find(|c| c.has_tag_name("title")).unwrap().text().unwrap().to_owned();
    let of = |class: &str| {
        let path = span.children().find(|c| classes(c).contains(&class)).unwrap();
        path.attribute("d").unwrap().to_owned()
    };
    (title, of("ho-border").matches('H').count(), of("ho-band").matches('L').count())
}

#[test]
fn a_fault_that_goes_on_out_of_sight_is_torn_there_and_tells_its_true_times() {
    let trace = an_outage();
    let drawn = |from: Option<u64>, until: Option<u64>| {
        let options = Options { from: from.map(at_ms), until: until.map(at_ms), ..Options::default() };
        let drawn = drawing(&trace, &options);
        let summary = drawn.svg.split("-desc\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        (band(&drawn.svg), summary, drawn.lines)
    };
    let times = "partition between phone and server from 1.000000 s to 31.000000 s (30 s)";
    let ((title, borders, edges), summary, _) = drawn(None, None);
    assert_eq!((title.as_str(), borders, edges), (times, 2, 3));
    assert!(summary.contains(times));
    let ((title, borders, edges), summary, lines) = drawn(None, Some(3000));
    let cut = format!("{times} (shown until 3.000000 s)");
    assert_eq!((title.as_str(), borders), (cut.as_str(), 1));
    assert!(edges > 10, "its lower edge is torn");
    assert!(summary.contains(&cut) && summary.contains("shown from 0 s to 3 s."));
    assert_eq!(lines.last().unwrap().text, "shown until here; the run ends at 40 s");
    let ((title, borders, _), _, lines) = drawn(Some(1500), Some(3000));
    assert_eq!(title, format!("{times} (shown from 1.500000 s until 3.000000 s)"));
    assert_eq!(borders, 0);
    assert_eq!(lines[1].text, title, "what began before is told first");
    assert_eq!(drawn(Some(1500), None).0.1, 1);
}

#[test]
fn the_edges_of_a_window_are_told_as_such() {
    let said = |from: Option<u64>, until: Option<u64>| {
        let options = Options { from: from.map(at_ms), until: until.map(at_ms), ..Options::default() };
        let svg = figure(&an_outage(), &options);
        let doc = Document::parse(&svg).unwrap();
        texts(&doc).iter().map(|n| n.text().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let has = |texts: &[String], text: &str| texts.iter().any(|t| t == text);
    let whole = said(None, None);
    assert!(has(&whole, "the run ends at 40 s") && !whole.iter().any(|t| t.starts_with("shown")));
    let part = said(Some(1500), Some(3000));
    assert!(has(&part, "shown from 1.5 s") && has(&part, "shown until 3 s"));
    assert!(!has(&part, "1.5 s") && !has(&part, "3 s"), "{part:?}");
}

#[test]
fn what_doubles_is_seen_on_the_strip() {
    let svg = figure(&an_outage(), &Options::default());
    let doc = Document::parse(&svg).unwrap();
    let strip = doc.descendants().find(|n| classes(n).contains(&"ho-strip")).unwrap();
    let ticks = strip.children().find(|n| classes(n).contains(&"ho-tick")).unwrap();
    let at: Vec<f64> =
        ticks.attribute("d").unwrap().split('M').filter_map(|p| p.split(' ').next()?.parse().ok()).collect();
    let share = (at[2] - at[0]) / (at[3] - at[0]);
    assert!((share - 2.0 / 40.0).abs() < 0.005, "{at:?}");
    // Where nothing is cut there is nothing to make good for.
    let options = Options { until: Some(at_ms(520)), ..Options::default() };
    let short = Options { until: Some(at_ms(100)), ..options };
    assert!(!figure(&an_outage(), &short).contains("ho-strip"));
}

#[test]
fn one_fault_of_two_links_is_told_once_and_hidden_hosts_hide_theirs() {
    let mut b = TraceBuilder::new(&["one", "two", "server"]);
    for link in ["one server", "two server"] {
        b.event(10, "", Layer::Fault, "partition begins", &[("link", link.into())]);
    }
    b.packet(30, "two", "server", Tcp::new(2, 1).syn());
    let mut trace = b.build();
    for client in [0, 1] {
        let hosts = vec![HostId(client), HostId(2)];
        trace.spans.push(Span { from: at_ms(10), until: None, hosts, one_way: false, what: "partition" });
    }
    let told = |options: &Options| {
        let svg = figure(&trace, options);
        let doc = Document::parse(&svg).unwrap();
        let bands = doc.descendants().filter(|n| classes(n).contains(&"ho-span")).count();
        let told = texts(&doc).iter().filter(|n| n.text() == Some("partition begins")).count();
        (told, bands, doc.descendants().filter(|n| classes(n).contains(&"ho-packet")).count())
    };
    assert_eq!(told(&Options::default()), (1, 2, 1));
    let hosts = |names: [&str; 2]| Options { hosts: names.map(str::to_owned).to_vec(), ..Options::default() };
    assert_eq!(told(&hosts(["one", "server"])), (1, 1, 0));
    assert_eq!(told(&hosts(["one", "two"])), (0, 0, 0));
}

/// The contrast of two colours, after WCAG 2.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |rgb: [f64; 3]| {
        let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    if a > b { a / b } else { b / a }
}

/// `#a1b2c3`, `#fff`.
fn colour(text: &str) -> [f64; 3] {
    let digits = text.trim().trim_start_matches('#');
    let digits: String = match digits.len() {
        3 => digits.chars().flat_map(|c| [c, c]).collect(),
        _ => digits.to_owned(),
    };
    let channel = |i: usize| f64::from(u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()) / 255.0;
    [channel(0), channel(1), channel(2)]
}

#[test]
fn text_and_lines_can_be_read_in_every_theme_of_the_book() {
    // mdBook's backgrounds and colours of text, theme by theme.
    let themes = [
        (".ayu {", "#0f1419", "#c5c5c5"),
        (".coal {", "#131516", "#98a3ad"),
        (".navy {", "#161923", "#bcbdd0"),
        (".rust {", "#e1e1db", "#262625"),
        (".light, html:not(.js) {", "#ffffff", "#000000"),
    ];
    let css = include_str!("../../theme/halfopen.css");
    for (theme, background, text) in themes {
        let body = css.split(theme).nth(1).unwrap().split('}').next().unwrap();
        let of = |name: &str| {
            let value =
                body.split(&format!("{name}:")).nth(1).unwrap_or_else(|| panic!("{theme} has no {name}"));
            colour(value.split(';').next().unwrap())
        };
        let background = colour(background);
        for name in ["--ho-accent", "--ho-fault", "--ho-muted"] {
            let found = contrast(of(name), background);
            assert!(found >= 4.5, "{name} in {theme}: {found:.2}");
        }
        let found = contrast(of("--ho-faint"), background);
        assert!(found >= 3.0, "--ho-faint in {theme}: {found:.2}");
        assert!(contrast(colour(text), background) >= 4.5);
    }
    // And nothing is made fainter than that.
    assert!(!CSS.contains("opacity"));
}

#[test]
fn contrast_is_that_of_the_guidelines() {
    assert!((contrast(colour("#fff"), colour("#000000")) - 21.0).abs() < 1e-9);
    assert!((contrast(colour("#777777"), colour("#fff")) - 4.48).abs() < 0.01);
}

#[test]
fn texts_that_overlap_are_found() {
    let drawn = |x: u32, turn: &str| {
        let text =
            format!("<text class=\"ho-label\" x=\"{x}\" y=\"50\" text-anchor=\"middle\"{turn}>words</text>");
        let svg = format!(
            "<svg><text class=\"ho-event\" x=\"50\" y=\"50\" text-anchor=\"end\">words</text>{text}</svg>"
        );
        let doc = Document::parse(&svg).unwrap();
        let rooms: Vec<Vec<Rect>> = texts(&doc).iter().map(|n| room_of(n, false)).collect();
        rooms[0].iter().any(|a| rooms[1].iter().any(|b| a.overlaps(b)))
    };
    assert!(drawn(60, "") && !drawn(75, ""));
    assert!(drawn(62, "") && !drawn(62, " transform=\"rotate(90 62 50)\""));
}
