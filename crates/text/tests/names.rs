//! Which names may be chosen, and which look alike.

use bevy_bouncer_text::{NameError, NameRules, look};

fn check(name: &str) -> Result<(), NameError> {
    NameRules::new(3..=24).reserve(["Rooster"]).check(name)
}

#[test]
fn ordinary_names_may_be_chosen() {
    for name in [
        "Ann",
        "Ann Lee",
        "ann_lee-2",
        "O'Neill",
        "J.R.R. Tolkien",
        "Jean-Luc",
        "Zoë",
        "Иван Грозный",
        "Σωκράτης",
        "王小明",
        "たろうタロウ太郎",
        "김철수",
        "محمد علي",
        "می\u{200c}خواهم",
        "משה",
        "प्रिया",
        "สมชาย",
        // They have a reserved word in them, and do not sound like it.
        "Modesty",
        "Observer",
        "Ecosystem",
        "Falstaff",
        "Gmork",
    ] {
        assert_eq!(check(name), Ok(()), "{name}");
    }
}

#[test]
fn names_that_sound_like_the_house_are_refused() {
    for name in [
        "Admin",
        "ADMIN",
        "aDmIn",
        "admin2",
        "Adm1n",
        "4dmin",
        "A d m i n",
        "a-d-m-i-n",
        "Admin Bob",
        "Bob_the_admin",
        "BobAdmin",
        "adminbob",
        "The Moderator",
        "m0derator",
        "Mod",
        "mod.ann",
        "GM Ann",
        "Game Master",
        "gamemaster1",
        "System",
        "5y5tem",
        "Server",
        "Support Team",
        "Official-Ann",
        // The game's own voice.
        "Rooster",
        "r0oster",
        "the rooster",
    ] {
        assert_eq!(check(name), Err(NameError::Reserved), "{name}");
    }
    // All of it in Cyrillic letters that look like these.
    assert_eq!(
        NameRules::new(3..=24).reserve(["case"]).check("сазе"),
        Ok(())
    );
    assert_eq!(
        NameRules::new(3..=24).reserve(["cope"]).check("соре"),
        Err(NameError::Reserved)
    );
}

#[test]
fn a_name_names_the_rule_that_it_breaks() {
    let long = "x".repeat(25);
    for (name, error) in [
        ("al", NameError::Length(3..=24)),
        (&long, NameError::Length(3..=24)),
        ("a<b>c", NameError::Characters),
        ("a\u{200b}nn", NameError::Characters),
        ("a\u{202e}nn", NameError::Characters),
        ("\u{200e}ann", NameError::Characters),
        ("ann\u{200d}", NameError::Characters),
        ("an\nn", NameError::Characters),
        ("😀😀😀", NameError::Characters),
        ("𝐀𝐧𝐧", NameError::Characters),
        (" ann", NameError::Separators),
        ("ann ", NameError::Separators),
        ("ann  lee", NameError::Separators),
        ("_ann", NameError::Separators),
        ("---", NameError::Separators),
        ("Аnn", NameError::MixedScripts),
        ("Ιvan", NameError::MixedScripts),
        ("раypal", NameError::MixedScripts),
    ] {
        assert_eq!(check(name), Err(error), "{name:?}");
    }
}

#[test]
fn names_that_look_alike_have_one_look() {
    for (one, other) in [
        ("Ann", "ann"),
        ("Ann Lee", "AnnLee"),
        ("Ann Lee", "ann_lee"),
        ("Bill", "BiII"),
        ("Bill", "B1ll"),
        ("Ian", "lan"),
        ("Bob", "B0b"),
        ("rn", "m"),
        ("Cope", "Соре"),
        ("Ann", "Ａnn"),
        ("Ann", "A\u{200d}nn"),
        ("fi", "ﬁ"),
    ] {
        assert_eq!(look(one), look(other), "{one} {other}");
    }
    for (one, other) in [
        ("Ann", "Anne"),
        ("Zoe", "Zoë"),
        ("Иван", "Ivan"),
        ("王", "玉"),
    ] {
        assert_ne!(look(one), look(other), "{one} {other}");
    }
    assert_eq!(look("-_ "), "");
}
