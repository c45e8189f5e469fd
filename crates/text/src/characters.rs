//! What becomes of each character of a text.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiClass, BinaryProperty, DefaultIgnorableCodePoint, EmojiModifier, EnumeratedProperty,
        ExtendedPictographic, GeneralCategory, IndicSyllabicCategory, JoiningType, LineBreak,
        NoncharacterCodePoint, VariationSelector,
    },
};

use crate::directions;

/// Most combining marks on one character. The writing systems of the world need four.
pub const MARKS_MAX: usize = 8;

/// Letters and digits between the flag and the end of a flag's name, such as `gbeng`.
const FLAG_NAME: std::ops::RangeInclusive<usize> = 3..=6;

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there to be seen.
    Shown,
    /// A combining mark: it stays, and alone it is nothing to see.
    Mark,
    /// It stays, and nobody sees it: white space, and what works on its neighbours.
    Unseen,
    /// Nobody sees it, and it does nothing: it is taken out.
    Dropped,
    /// It may not be there.
    Forbidden,
}

/// A text whose characters are judged.
pub(crate) struct Judged {
    characters: Vec<(char, Fate)>,
}

impl Judged {
    pub fn has(&self, fate: Fate) -> bool {
        self.characters.iter().any(|(_, other)| *other == fate)
    }

    /// The characters that stay.
    pub fn kept(&self) -> String {
        let kept = self.characters.iter().filter(|(_, fate)| stays(*fate));
        kept.map(|(c, _)| *c).collect()
    }
}

fn stays(fate: Fate) -> bool {
    !matches!(fate, Fate::Dropped | Fate::Forbidden)
}

/// Judges a text. What stays would be judged the same again.
pub(crate) fn judge(text: &str) -> Judged {
    let text: Vec<char> = text.chars().collect();
    let unbalanced = directions::unbalanced(&text);
    let place = Place {
        runs_leftwards: text.iter().any(|c| runs_leftwards(*c)),
        text: &text,
        unbalanced,
        kept: Vec::with_capacity(text.len()),
        flag_until: 0,
    };
    Judged {
        characters: place.judge_all(),
    }
}

/// Where a text is judged. What is asked of the characters before is asked of those that stay.
struct Place<'a> {
    text: &'a [char],
    unbalanced: Vec<usize>,
    runs_leftwards: bool,
    kept: Vec<(char, Fate)>,
    /// The end of the tags that belong to a flag.
    flag_until: usize,
}

impl Place<'_> {
    fn judge_all(mut self) -> Vec<(char, Fate)> {
        let mut judged = Vec::with_capacity(self.text.len());
        for at in 0..self.text.len() {
            let c = self.text[at];
            let fate = self.fate(at, c);
            judged.push((c, fate));
            if stays(fate) {
                self.kept.push((c, fate));
            }
        }
        judged
    }

    fn fate(&mut self, at: usize, c: char) -> Fate {
        let keep_if = |works: bool| if works { Fate::Unseen } else { Fate::Dropped };
        if is_forbidden(c) || self.unbalanced.binary_search(&at).is_ok() {
            return Fate::Forbidden;
        }
        match c {
            _ if c.is_whitespace() || directions::is_control(c) => Fate::Unseen,
            _ if directions::is_mark(c) => keep_if(self.runs_leftwards),
            '\u{200d}' => keep_if(self.joins_letters() || self.joins_emoji(at)),
            '\u{200c}' | '\u{180e}' => keep_if(self.joins_letters()),
            '\u{200b}' => keep_if(self.may_break(at)),
            '\u{e0020}'..='\u{e007f}' => keep_if(at < self.flag_until),
            _ if is::<VariationSelector>(c) => keep_if(self.last() == Some(Fate::Shown)),
            _ if is::<DefaultIgnorableCodePoint>(c) => Fate::Dropped,
            // It stands for something that was not pasted.
            '\u{fffc}' => Fate::Dropped,
            // The blank Braille pattern, and the musical symbol that is none.
            '\u{2800}' | '\u{1d159}' => Fate::Unseen,
            _ => match of::<GeneralCategory>(c) {
                GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
                    if self.marks() >= MARKS_MAX =>
                {
                    Fate::Forbidden
                }
                GeneralCategory::NonspacingMark
                | GeneralCategory::EnclosingMark
                | GeneralCategory::SpacingMark => Fate::Mark,
                _ => {
                    self.begin_flag(at, c);
                    Fate::Shown
                }
            },
        }
    }

    /// What became of the character before.
    fn last(&self) -> Option<Fate> {
        self.kept.last().map(|(_, fate)| *fate)
    }

    /// How many marks stand on the character before.
    fn marks(&self) -> usize {
        let before = self.kept.iter().rev();
        before.take_while(|(_, fate)| *fate == Fate::Mark).count()
    }

    /// Whether a joiner here works on the letter before: of a script whose letters change with their neighbours.
    fn joins_letters(&self) -> bool {
        let mut before = self.kept.iter().rev();
        let base = before.find(|(_, fate)| *fate != Fate::Mark);
        base.is_some_and(|(c, fate)| *fate == Fate::Shown && joins(*c))
    }

    /// Whether a joiner here makes one emoji of two.
    fn joins_emoji(&self, at: usize) -> bool {
        let mut before = self.kept.iter().rev();
        let changes = |c: char| c == '\u{fe0f}' || is::<EmojiModifier>(c);
        let base = before.find(|(c, _)| !changes(*c));
        let next = self.text.get(at + 1);
        let is_emoji = |c: char| is::<ExtendedPictographic>(c);
        base.is_some_and(|(c, _)| is_emoji(*c)) && next.is_some_and(|c| is_emoji(*c))
    }

    /// Whether a line may break here that could not be broken otherwise: between letters of scripts that are written
    /// without spaces.
    fn may_break(&self, at: usize) -> bool {
        let is_complex = |c: char| of::<LineBreak>(c) == LineBreak::ComplexContext;
        let before = self.kept.last().map(|(c, _)| *c);
        let next = self.text.get(at + 1).copied();
        before.is_some_and(is_complex) && next.is_some_and(is_complex)
    }

    /// The black flag may be that of a part of a country, whose name follows in tags.
    fn begin_flag(&mut self, at: usize, c: char) {
        if c != '\u{1f3f4}' {
            return;
        }
        let rest = &self.text[at + 1..];
        let is_named =
            |c: &&char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
        let name = rest.iter().take_while(is_named).count();
        if FLAG_NAME.contains(&name) && rest.get(name) == Some(&'\u{e007f}') {
            self.flag_until = at + 1 + name + 1;
        }
    }
}

/// Control characters but for the line break, and what is not meant for text.
fn is_forbidden(c: char) -> bool {
    let is_separator = matches!(
        of::<GeneralCategory>(c),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
    );
    let is_annotation = matches!(c, '\u{fff9}'..='\u{fffb}');
    (c.is_control() && c != '\n') || is_separator || is_annotation || is::<NoncharacterCodePoint>(c)
}

/// Whether it is a letter that runs from right to left.
fn runs_leftwards(c: char) -> bool {
    matches!(
        of::<BidiClass>(c),
        BidiClass::RightToLeft | BidiClass::ArabicLetter
    ) && c.is_alphabetic()
}

/// Whether it is a letter that looks different beside another one.
fn joins(c: char) -> bool {
    let is_cursive = matches!(
        of::<JoiningType>(c),
        JoiningType::DualJoining
            | JoiningType::RightJoining
            | JoiningType::LeftJoining
            | JoiningType::JoinCausing
    );
    let is_indic = of::<IndicSyllabicCategory>(c) != IndicSyllabicCategory::Other;
    c.is_alphabetic() && (is_cursive || is_indic)
}

fn is<P: BinaryProperty>(c: char) -> bool {
    CodePointSetData::new::<P>().contains(c)
}

fn of<P: EnumeratedProperty>(c: char) -> P {
    CodePointMapData::<P>::new().get(c)
}
