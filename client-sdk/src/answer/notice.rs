//! What a person should be told of what happened to their data.

/// One plain sentence for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// Said in the person's language.
    pub text: String,
}

/// What happened to the data of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The phone went on from an older copy of its data, or from the copy of another phone.
    WentOnFromACopy,
    /// The database was found without its key.
    KeyLost,
    /// The server was restored from a backup.
    ServerRestored,
    /// The person was erased, and everything on this phone with them.
    Erased,
}

impl NoticeKind {
    const ALL: [Self; 4] = [
        Self::WentOnFromACopy,
        Self::KeyLost,
        Self::ServerRestored,
        Self::Erased,
    ];

    /// The database's number of it; never reused.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::WentOnFromACopy => 1,
            Self::KeyLost => 2,
            Self::ServerRestored => 3,
            Self::Erased => 4,
        }
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// In a language; Finnish where there is no other.
    pub(crate) fn text(self, language: &str) -> &'static str {
        let [fi, sv, en] = self.texts();
        match language.split('-').next() {
            Some("sv") => sv,
            Some("en") => en,
            _ => fi,
        }
    }

    /// In Finnish, Swedish and English.
    fn texts(self) -> [&'static str; 3] {
        match self {
            Self::WentOnFromACopy => [
                "Puhelin jatkoi tietojensa vanhemmasta kopiosta. Kaikki vahvistamaton lähetetään \
                 uudelleen, mitään ei katoa.",
                "Telefonen fortsatte från en äldre kopia av sina uppgifter. Allt som inte är bekräftat \
                 skickas på nytt, inget går förlorat.",
                "This phone went on from an older copy of its data. Everything not yet confirmed is \
                 handed in again; nothing is lost.",
            ],
            Self::KeyLost => [
                "Puhelimen tietoja ei voitu avata ilman avainta. Liity uudelleen: lähettämättömät \
                 tiedot ovat tallessa ja lähtevät mukana.",
                "Uppgifterna på telefonen kunde inte öppnas utan sin nyckel. Anslut dig på nytt: det \
                 som inte hade skickats finns kvar och följer med.",
                "The data on this phone could not be opened without its key. Join again: what was not \
                 yet handed in is kept and follows.",
            ],
            Self::ServerRestored => [
                "Palvelu palautettiin varmuuskopiosta. Tämä puhelin antaa sille takaisin sen, mitä \
                 siltä jäi puuttumaan.",
                "Tjänsten återställdes från en säkerhetskopia. Telefonen lämnar tillbaka det som den \
                 nu saknar.",
                "The service was restored from a backup. This phone hands back what it lacks now.",
            ],
            Self::Erased => [
                "Tietosi on poistettu, ja niiden mukana kaikki tässä puhelimessa.",
                "Dina uppgifter har raderats, och med dem allt på den här telefonen.",
                "Your data has been erased, and everything on this phone with it.",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notice_has_a_number_and_a_sentence_of_its_own_in_three_languages() {
        let mut texts: Vec<&str> = NoticeKind::ALL
            .into_iter()
            .flat_map(NoticeKind::texts)
            .collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 12);
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_number(kind.number()), Some(kind));
            assert_eq!(kind.text("sv-simple"), kind.texts()[1]);
            assert_eq!(kind.text("et"), kind.texts()[0]);
        }
        assert_eq!(NoticeKind::from_number(0), None);
    }
}
