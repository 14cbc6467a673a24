//! Chapters of a line or two, expanded.

use super::*;
use crate::explore::fake;

fn expand(text: &str) -> Result<String, Vec<String>> {
    let runs = Runs::new(fake::REGISTRY);
    let chapter = Chapter {
        runs: &runs,
        path: Path::new("part/one.md"),
        folder: Path::new("chapters"),
        root: Path::new("."),
        ledger: Some(Path::new("ledger.md")),
        number: Some("2".to_owned()),
        tasks: [3, 1],
        later: None,
        glossary: &Glossary::read("# Words\n\n## RTT\n\nThere and back.\n"),
    };
    chapter.expand(text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// A page as it is read: without tags.
fn read(page: &str) -> String {
    let mut out = String::new();
    for part in page.split('<') {
        out += part.split_once('>').map_or(part, |(_, text)| text);
    }
    out
}

#[test]
fn numbers_in_running_text_come_from_the_run_and_say_which() {
    let text = expand(
        "after {{#measure fake/stall detect_time_s stall=10s}} s, not {{#parameter fake/stall stall}}.\n",
    );
    let text = text.unwrap();
    assert!(read(&text).starts_with("after 5.04 s, not 30 s.\n"), "{text}");
    assert!(text.contains(
        "<data class=\"ho-number\" value=\"5.04\" \
         data-ask='{\"scenario\":\"fake/stall\",\"set\":{\"stall\":\"10s\"},\
         \"numbers\":[{\"name\":\"detect_time_s\"}]}'>5.04</data>"
    ));
    assert!(text.contains("src=\"../live/main.js\""), "the page is alive");
    let rounded = expand("{{#measure fake/stall detect_time_s --precision=0}}").unwrap();
    assert!(rounded.contains("value=\"15.04\"") && rounded.contains(">15</data>"), "rounded as asked");
    let never = expand("{{#measure fake/stall keepalive_verdict_s --none=never}}").unwrap();
    assert!(never.contains("value=\"\"") && never.contains(">never</data>"), "{never}");
    assert_eq!(
        expand("{{#measure fake/stall keepalive_verdict_s}}").unwrap_err(),
        [
            "chapters/part/one.md:1: `keepalive_verdict_s` did not happen in this run; say so with `--none=WORD`"
        ]
    );
    assert!(!expand("only {{#parameter fake/stall stall}}").unwrap().contains("script"), "nothing to run");
}

#[test]
fn the_comparison_with_linux_is_made_when_the_book_is_built() {
    let text = expand("{{#fidelity}}\n").unwrap();
    let (agree, all) = text.trim_start().split_once(" of ").unwrap();
    let all: usize = all.split(' ').next().unwrap().parse().unwrap();
    let agree: usize = agree.parse().unwrap();
    assert!(agree > all / 2 && text.matches("<tr>").count() >= all, "{agree} of {all}");
}

#[test]
fn every_problem_is_told_with_file_and_line() {
    let text = "# One\n\n{{#story fake/stal}}\n\nIn {{#measure fake/stall detect_time}} s,\n\
                {{#measure fake/stall detect_time_s stall=0s}},\n{{#parameter fake/stall stalll}}\n\
                {{#fgure fake/stall}}\n{{#figure fake/stall --from=soon}}\n{{#story fake/stall --faults=x}}\n\
                {{#include no/such.rs}}\nand {{#claims fake/stall}}\n{{#story\n";
    let problems = expand(text).unwrap_err();
    let starts = [
        "3: no scenario `fake/stal`; did you mean `fake/stall`?; valid: fake/stall, fake/quiet",
        "5: no measure `detect_time`; did you mean `detect_time_s`?; valid: detect_time_s, updates_lost",
        "6: stall=0s: out of range; valid: 1ms to 1h",
        "7: no parameter `stalll`; did you mean `stall`?; valid: stall, timers, updates",
        "8: no directive `fgure`; did you mean `figure`?; valid: story, figure",
        "9: --from=soon: not a duration; valid: 0s to",
        "10: fault ``: a fault script starts with `at`",
        "11: no file `no/such.rs`, seen from the chapter",
        "12: `claims` makes a paragraph of its own",
        "13: `{{#story` is not closed by `}}`",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(&format!("chapters/part/one.md:{start}")), "{problem}\n{start}");
    }
}

#[test]
fn under_a_figure_stand_its_caption_its_command_and_its_claims() {
    let text =
        expand("x\n\n{{#figure fake/stall stall='1m 30s' --until=20s --controls=stall}}\n\ny").unwrap();
    assert!(text.contains("<svg ") && text.contains(" id=\"part-one-1\""), "{text}");
    assert!(text.contains(
        "<figure class=\"halfopen ho-figure\" id=\"fig-part-one-1\" data-kind=\"figure\" \
         data-ask='{\"scenario\":\"fake/stall\",\"set\":{\"stall\":\"1m 30s\"},\"view\":{\"until\":\"20s\"},"
    ));
    assert!(text.contains("data-controls=\"stall\""));
    assert!(text.contains(
        "<p class=\"ho-caption\"><a class=\"ho-fig\" href=\"#fig-part-one-1\">Figure 2.1</a> \
         Does anybody notice a stall?</p>"
    ));
    assert!(text.contains(
        "<p class=\"halfopen-command\"><code>halfopen run fake/stall --set stall=&#39;1m 30s&#39; --until 20s \
         --format svg</code> <a href=\"../run/index.html?run=run%20fake%2Fstall%20%2D%2Dset%20stall%3D%271m%2030s%27"
    ));
    assert!(text.contains(
        "<li><strong class=\"holds\">holds</strong> <a class=\"ho-row\" href=\"../ledger.html#i-01\">I-01</a> \
         keepalives are answered for as long as the process stalls</li>"
    ));
    let figure = &text[text.find("<figure").unwrap()..text.find("</figure>").unwrap()];
    assert!(!figure.contains("\n\n"), "an empty line would end the HTML in Markdown");
    let failing = expand("{{#story fake/stall stall=5s}}").unwrap();
    assert!(failing.contains(
        "<strong class=\"fails\">does not hold</strong> <a class=\"ho-row\" href=\"../ledger.html#x-13\">X-13</a> \
         a stall of <code>10s</code> or more is noticed</li>"
    ));
    assert!(!expand("{{#story fake/stall --claims=no}}").unwrap().contains("<li>"));
    let two =
        expand("{{#claims fake/stall}}\n\n{{#measures fake/stall --title=\"What it took\"}}\n").unwrap();
    assert!(two.contains(">Table 2.1</a> What it took</p>"), "claims are not numbered");
    assert!(
        expand("{{#story fake/stall --controls=stal}}").unwrap_err()[0].contains("did you mean `stall`?")
    );
}

#[test]
fn a_window_of_time_cuts_the_story_and_the_story_says_so() {
    let story = expand("{{#story fake/stall --from=500ms --until=2s --claims=no}}").unwrap();
    let story = story.split_once("</style>").unwrap().1;
    assert!(story.contains("stalled") && !story.contains("connected") && !story.contains("verdict"));
    assert!(story.contains("2.000000  shown until here; the run ends at"), "{story}");
    assert!(
        expand("{{#story fake/stall --from=2s --until=1s}}").unwrap_err()[0].contains("nothing lies between")
    );
    let unknown = expand("{{#figure fake/stall --hosts=server,phon}}").unwrap_err();
    assert!(unknown[0].ends_with("no host `phon`; did you mean `phone`?; valid: phone, server"));
}

#[test]
fn a_chart_varies_lists_and_ranges_and_sets_single_values() {
    let text = "{{#sweep fake/stall stall=1s..19s/10 updates=7 timers=slow,fast --measure=detect_time_s}}\n";
    let text = expand(text).unwrap();
    assert!(text.contains(
        "<code>halfopen sweep fake/stall --vary stall=1s..19s/10 --vary timers=slow,fast --set updates=7 \
         --measure detect_time_s --format svg</code>"
    ));
    assert!(text.contains("id=\"part-one-1\"") && text.contains("data-kind=\"sweep\""));
    assert!(
        text.contains(">I-01</a> at all 20 points</li>")
            && text.contains(">X-13</a> at 10 of 20 points</li>")
    );
    assert!(!expand("{{#sweep fake/stall stall=1s,2s --claims=no}}\n").unwrap().contains("<li>"));
    let error = |text: &str| expand(text).unwrap_err()[0].clone();
    assert!(error("{{#sweep fake/stall}}").ends_with("nothing is varied; valid: stall, timers, updates"));
    assert!(error("{{#sweep fake/stall stall=1s,2h}}").contains("out of range; valid: 1ms to 1h"));
    assert!(error("{{#sweep fake/stall stall=1s,2s --measure=x}}").contains("no measure `x`; valid:"));
    assert!(error("{{#sweep fake/stall stall=1s,2s --seeds=0}}").contains("from 1 on"));
}

#[test]
fn a_guess_is_asked_and_answered_by_the_run() {
    let asked = |choices: &str| {
        expand(&format!("{{{{#predict fake/stall detect_time_s --ask='When?' --choices=\"{choices}\"}}}}\n"))
    };
    let text = asked("soon=..1|a little later=1..20|never=none").unwrap();
    assert!(
        text.contains(
            "<form class=\"ho-predict\" id=\"task-part-one-1\" data-kind=\"choice\" data-right=\"1\""
        )
    );
    assert!(text.contains("noticed after: <strong>15.04 s</strong>"), "{text}");
    assert!(asked("soon=..1|never=none").unwrap_err()[0].contains("15.04, lies in 0 of the choices"));
    assert!(asked("some=1..|all=..20").unwrap_err()[0].contains("lies in 2 of the choices"));
    assert!(asked("some=1").unwrap_err()[0].contains("cannot be read; valid: LABEL=FROM..TO"));
    let slider =
        expand("{{#predict fake/stall detect_time_s --ask=When? --range=0..60 --unit=s}}\n").unwrap();
    assert!(slider.contains("data-value=\"15.04\" data-unit=\"s\"") && slider.contains("max=\"60\""));
    let off = expand("{{#predict fake/stall detect_time_s --ask=When? --range=0..9}}\n").unwrap_err();
    assert!(off[0].contains("does not lie in --range=0..9"));
}

#[test]
fn a_challenge_is_neither_met_before_nor_beyond_its_solution() {
    let set = |goal: &str, solution: &str| {
        expand(&format!(
            "{{{{#challenge fake/stall --title=Quick --text='Be quick.' --goal='{goal}' --change=stall,timers \
             --solution='{solution}'}}}}\n"
        ))
    };
    let text = set("detect_time_s <= 5; I-01 holds", "stall=5s").unwrap();
    assert!(text.contains("<section class=\"ho-challenge\" id=\"task-part-one-1\""));
    assert!(
        text.contains("<li data-condition=\"0\" class=\"unmet\">noticed after at most 5 s</li>"),
        "{text}"
    );
    assert!(text.contains("<li data-condition=\"1\" class=\"met\">I-01 holds: keepalives"), "{text}");
    assert!(!text.contains("stall=5s") && !text.contains("&quot;5s"), "the solution is not shown");
    let error = |goal, solution| set(goal, solution).unwrap_err()[0].clone();
    assert!(error("detect_time_s <= 20", "stall=5s").contains("met before anything is changed"));
    assert!(error("detect_time_s <= 5", "stall=20s").contains("the solution does not meet the goal"));
    assert!(error("detect_time_s <= 5", "updates=5").contains("not one of those that may be changed"));
    assert!(error("detect <= 5", "stall=5s").contains("no measure `detect`"));
    assert!(error("detect_time_s <= soon", "stall=5s").contains("is no condition"));
}

#[test]
fn the_reader_is_told_how_much_there_is_to_do() {
    let text = expand("{{#progress}}\n").unwrap();
    assert!(
        text.contains("data-progress='{\"predictions\":3,\"challenges\":1}'>There are 3 guesses"),
        "{text}"
    );
    let counted = count("{{#predict a b}} `\\{{#predict a b}}` {{#predict c d}} {{#story a}}", "predict");
    assert_eq!(counted, 2);
}

#[test]
fn a_word_of_the_glossary_opens_in_place_and_a_sentence_of_the_notes_has_both_languages() {
    let text = expand("One {{#term RTT|round trip}} later.\n").unwrap();
    assert!(text.contains(
        "One <button type=\"button\" class=\"ho-term\" popovertarget=\"term-1\">round trip</button> later."
    ));
    assert!(text.contains(
        "<div popover id=\"term-1\" class=\"ho-entry\"><strong>RTT</strong>\n<p>There and back.</p>"
    ));
    assert!(expand("{{#term RTO}}").unwrap_err()[0].contains("no word `RTO` in the glossary"));
    let note = expand("{{#note Long connections --zh=\"长连接\" --en=\"a `long` connection\"}}\n").unwrap();
    assert!(note.contains("<p lang=\"zh\">长连接</p>") && note.contains("a <code>long</code> connection"));
    assert!(note.contains("<cite>Long connections</cite>"));
    assert!(expand("{{#note X --en=y}}\n").unwrap_err()[0].contains("`note` wants `--zh=..`"));
}

#[test]
fn tables_and_commands_are_those_of_the_command_line() {
    let parameters = expand("{{#parameters fake/stall}}").unwrap();
    assert!(parameters.contains(
        "<tr><td><code>timers</code></td><td>slow</td><td>choice</td><td>slow, fast</td><td>Whose timers.</td></tr>"
    ));
    assert!(expand("{{#measures fake/stall}}").unwrap().contains(
        "<tr><td>updates lost</td><td><data value=\"0\" title=\"0\">0</data></td><td><code>updates_lost</code></td></tr>"
    ));
    let command = expand("run {{#command fake/stall stall=5s timers=slow --seed=7}} now").unwrap();
    assert!(read(&command).starts_with("run halfopen run fake/stall --set stall=5s --seed 7 now"));
    assert!(command.contains("<a class=\"ho-command\" href=\"../run/index.html?run=run%20fake%2Fstall"));
    let ledger = expand("{{#ledger}}").unwrap();
    assert_eq!(ledger.matches("<a id=").count(), 204);
    assert!(ledger.contains("2 of 204 rows shown by 1 scenario, 2 hold."));
    let [start, end] = ["a-04", "a-05"].map(|id| ledger.find(&format!("<a id=\"{id}\">")).unwrap());
    let row = &ledger[start..end];
    for part in [
        "Both sides must send <code>Connection: keep-alive</code> for persistence <em class=\"ho-verdict\">outdated</em>",
        "<p class=\"ho-condition\">the rule of HTTP/1.0;",
        "<p class=\"ho-source\">Heartbeats 45-47, 91; Survey 160; \
         <a href=\"https://www.rfc-editor.org/rfc/rfc9112#section-9.3\">RFC 9112 section 9.3</a>; ",
    ] {
        assert!(row.contains(part), "{row}\n{part}");
    }
    assert!(!row.contains("shown by"), "nobody does in these scenarios: {row}");
    assert!(
        ledger.contains("<p class=\"ho-shown\">shown by <code>fake/stall</code> <strong class=\"holds\">")
    );
    assert!(ledger.contains("## X. What is rarely said"));
    assert!(expand("{{#legend story}}").unwrap().contains("virtual time"));
    assert!(expand("{{#legend sory}}").unwrap_err()[0].ends_with("valid: story, packets"));
    assert!(expand("{{#list}}").unwrap().contains("<td>Does nothing happen?</td>"));
}

#[test]
fn an_escaped_directive_is_shown_and_not_run() {
    assert_eq!(expand("`\\{{#story no/such}}`").unwrap(), "`{{#story no/such}}`");
}
