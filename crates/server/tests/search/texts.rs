//! The memories that a text finds, and their order.

use serde_json::{Value, json};

use crate::fixture::{Fixture, path, remember, search};

#[test]
fn results_are_ranked_by_words_then_title_then_rarity_then_age() {
    let fixture = Fixture::new();
    for (title, content) in [
        (
            "all",
            "a long text in which the harbour, the lantern and the violin stand far apart from each other",
        ),
        ("two", "harbour lantern harbour lantern harbour lantern"),
        ("Violin", "something else"),
        ("one", "violin violin violin violin violin violin"),
        ("common", "harbour"),
        ("older", "lantern"),
        ("newer", "lantern"),
        ("none", "nothing of it"),
    ] {
        fixture.note(title, content);
    }
    assert_eq!(
        fixture.titles("harbour lantern violin"),
        // three memories have `violin`, three have `harbour`, and four have `lantern`
        ["all", "two", "Violin", "one", "common", "newer", "older"]
    );
    let answer = fixture.search("harbour lantern violin", "&limit=2");
    assert_eq!((&answer["total_results"], answer["results"].as_array().unwrap().len()), (&json!(7), 2));
}

#[test]
fn a_question_finds_a_sentence_that_shares_some_of_its_words() {
    let fixture = Fixture::new();
    fixture.note("answer", "TypeScript is a language that Anders Hejlsberg created at Microsoft.");
    fixture.note("other", "The scripts of the theatre are typed by hand, and who knows when.");
    assert_eq!(fixture.titles("Who created TypeScript?"), ["answer"]);
    assert_eq!(fixture.titles("Which languages did Hejlsberg create?"), ["answer"]);
    assert_eq!(fixture.titles("the created, creating, creates"), ["answer"]);
}

#[test]
fn stop_words_find_something_if_there_are_no_others() {
    let fixture = Fixture::new();
    for (title, content) in [("band", "The Who played in Leeds"), ("one", "the tea"), ("none", "tea")] {
        fixture.note(title, content);
    }
    fixture.note("other", "the man who sold the world, and the one who bought it");
    assert_eq!(fixture.titles("The Who"), ["band", "other", "one"]);
    assert_eq!(fixture.titles("the tea"), ["none", "one"]);
    assert_eq!(fixture.search("The Who", "&precision=high")["total_results"], 1);
    assert_eq!(fixture.titles("to be or not to be"), [""; 0]);
    fixture.note("question", "To be, or not to be");
    assert_eq!(fixture.titles("to be or not to be"), ["question"]);
}

/// Stores texts, and asserts which of them a query finds, the best first.
fn assert_finds(texts: &[&str], queries: &[(&str, &[&str])]) -> Fixture {
    let fixture = Fixture::new();
    for text in texts {
        fixture.note("", text);
    }
    for (query, expected) in queries {
        let answer = fixture.search(query, "");
        let results = answer["results"].as_array().unwrap().iter();
        let found: Vec<_> = results.map(|result| result["content"].as_str().unwrap()).collect();
        assert_eq!(found, *expected, "{query}");
    }
    fixture
}

#[test]
fn words_are_found_however_they_are_written() {
    let (lodz, dokovic, street) = ("Łódź lies on the Łódka", "Novak Đoković", "Gießerstraße 4");
    let (bread, cafe, wide) = ("SMØRREBRØD for lunch", "cafe\u{301} noir", "ＡＢＣ　１２３");
    let (sharp, plus, plain) = ("written in C#", "written in C++", "written in C");
    let (node, mail, name) = ("Node.js 22", "an e-mail to ada@example.com", "user_id and getUserName");
    let (number, emoji, greek, russian) = ("it costs 10,000.50", "done 🚀", "ΟΔΟΣ", "Ёлка");
    let texts = [
        lodz, dokovic, street, bread, cafe, wide, sharp, plus, plain, node, mail, name, number, emoji, greek,
        russian,
    ];
    assert_finds(
        &texts,
        &[
            ("lodz", &[lodz]),
            ("ŁÓDŹ", &[lodz]),
            ("dokovic", &[dokovic]),
            ("Ðokovic", &[dokovic]),
            ("giesserstrasse", &[street]),
            ("GIESSERSTRASSE", &[street]),
            ("smorrebrod", &[bread]),
            ("Café", &[cafe]),
            ("abc 123", &[wide]),
            ("C#", &[sharp]),
            ("c++", &[plus]),
            ("C", &[plain, plus, sharp]),
            ("nodejs", &[node]),
            ("node.js", &[node]),
            ("email", &[mail]),
            ("e-mail", &[mail]),
            ("ADA@EXAMPLE.COM", &[mail]),
            ("example.com", &[mail]),
            ("user_id", &[name]),
            ("userid", &[name]),
            ("getusername", &[name]),
            ("1000", &[]),
            ("10,000.50", &[number]),
            ("🚀", &[emoji]),
            ("🎉", &[]),
            ("οδός", &[greek]),
            ("елка", &[russian]),
        ],
    );
}

#[test]
fn a_score_does_not_depend_on_the_order_of_the_words() {
    let fixture = Fixture::new();
    for text in ["an e-mail to ada", "email", "mail"] {
        fixture.note("", text);
    }
    let [first, second] =
        ["mail e-mail", "e-mail mail"].map(|query| fixture.search(query, "&precision=high"));
    assert_eq!(first["results"], second["results"]);
    assert_eq!((&first["total_results"], &second["total_results"]), (&json!(2), &json!(2)));
}

#[test]
fn text_without_spaces_is_found_by_substring() {
    let (tower, capital) = ("昨日は東京タワーに登りました。", "京都の東にある寺");
    let (university, scattered) = ("她在北京大学学习", "北京有很多大学,京大也有名");
    let (half, korean, thai, latin) =
        ("ｶﾞﾗｽの瓶", "회사 근처 카페에서", "แม่ชอบกินต้มยำกุ้ง", "Rustで書いたサーバー");
    let fixture = assert_finds(
        &[tower, capital, university, scattered, half, korean, thai, latin],
        &[
            ("東京タワー", &[tower]),
            ("タワー", &[tower]),
            ("京都", &[capital]),
            ("寺", &[capital]),
            ("ガラス", &[half]),
            ("カラス", &[half]),
            ("ﾀﾜｰ", &[tower]),
            ("카페", &[korean]),
            ("ต้มยำ", &[thai]),
            ("rust", &[latin]),
            ("サーバー", &[latin]),
            ("飛行機", &[]),
            ("ー", &[latin, tower]),
            // both memories have each pair of its characters, and one has the whole word
            ("北京大学", &[university, scattered]),
        ],
    );
    assert_eq!(fixture.search("北京大学", "&precision=high")["total_results"], 1);
}

#[test]
fn each_substring_counts_in_the_title_or_the_content() {
    let fixture = Fixture::new();
    fixture.note("北京大学", "東京タワー");
    // the same pairs of characters, but one substring, or none
    fixture.note("one", "北京 京大 大学 東京タワー");
    fixture.note("none", "北京 京大 大学 東京 京タ タワ ワー");
    let query = "北京大学 東京タワー";
    assert_eq!(fixture.titles(query), ["北京大学", "one", "none"]);
    assert_eq!(fixture.search(query, "&precision=high")["total_results"], 1);
}

#[test]
fn unusual_queries_cause_no_error() {
    let fixture = Fixture::new();
    fixture.note("plain", "plain words");
    for nothing in [
        "?",
        "!!! ... ---",
        "\"\"",
        "'",
        "%",
        "_",
        "*",
        "\\",
        "()",
        "   ",
        "\u{3002}",
        "pl*",
        "pl%",
        "pl_",
        "\u{fffd}",
        "\u{200d}",
        "\u{301}",
    ] {
        let answer = fixture.search(nothing, "");
        assert_eq!((&answer["results"], &answer["total_results"]), (&json!([]), &json!(0)), "{nothing}");
        assert!(answer["graph"].is_null() && answer["request_id"].is_string(), "{answer}");
    }
    for found in [
        "\"plain words\"",
        "plain' OR '1'='1",
        "plain NOT words",
        "plain* -words",
        "plain); DROP TABLE memories; --",
        "{plain} [1,2]",
        &"plain words ".repeat(83),
        &format!("{} plain", "?".repeat(994)),
    ] {
        assert_eq!(fixture.titles(found), ["plain"], "{found}");
    }
    let many: String = (0..250).map(|number| format!("{number} ")).collect();
    assert_eq!(fixture.titles(&format!("plain {many}")), ["plain"]);
    assert_eq!(fixture.send("GET", "/v1/memories/search?query=a%00b", None).0, 400);
    assert_eq!(fixture.send("GET", &path(&"a".repeat(1_001), ""), None).0, 400);
}

#[test]
fn scores_lie_between_0_and_1_and_depend_only_on_the_project() {
    let fixture = Fixture::new();
    for number in 0..20 {
        fixture.note(
            &format!("{number}"),
            &format!("kettle {} {}", "tea ".repeat(number), "cup ".repeat(number / 3)),
        );
    }
    let scores = |answer: &Value| -> Vec<f64> {
        let results = answer["results"].as_array().unwrap().iter();
        results.map(|result| result["score"].as_f64().unwrap()).collect()
    };
    let before = fixture.search("kettle tea cup", "&limit=100");
    let found = scores(&before);
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|score| *score > 0.0 && *score <= 1.0), "{found:?}");
    assert!(found.is_sorted_by(|a, b| a >= b), "{found:?}");
    let other = fixture.other_key();
    for _ in 0..5 {
        remember(&fixture.server, &other, &json!({ "content": "kettle tea cup", "user_id": "ada" }));
    }
    assert_eq!(fixture.search("kettle tea cup", "&limit=100")["results"], before["results"]);
    assert_eq!(search(&fixture.server, &other, "kettle", "")["total_results"], 5);
    // the best memory has all words, and the worst has only the most common one
    let least = found[19];
    assert!(least < 1.0 / 3.0 && found[0] > 2.0 / 3.0, "{found:?}");
    let above = fixture.search("kettle tea cup", &format!("&limit=100&score_threshold={}", found[4]));
    assert_eq!(scores(&above), found[..5]);
    assert_eq!(above["total_results"], 5);
}

#[test]
fn a_chat_is_answered_with_memories_that_share_some_words() {
    let fixture = Fixture::new();
    fixture.note("Tea", "Ada drinks tea at noon");
    fixture.note("Coffee", "nobody drinks it");
    let (_, chat) = fixture.send("POST", "/v1/chats", Some(&json!({})));
    let path = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    for (message, expected) in [
        ("When does Ada drink her tea?", "Memories with the words of your message: Tea; Coffee."),
        ("zebra", "No memory has a word of your message."),
        ("?", "No memory has a word of your message."),
        // only the first 1,000 characters are searched
        (&format!("{} tea", "?".repeat(996)), "Memories with the words of your message: Tea."),
        (&format!("{} tea", "?".repeat(997)), "No memory has a word of your message."),
    ] {
        let (status, answer) = fixture.send("POST", &path, Some(&json!({ "message": message })));
        assert_eq!((status, &answer["message"]["content"]), (200, &json!(expected)), "{answer}");
    }
}
