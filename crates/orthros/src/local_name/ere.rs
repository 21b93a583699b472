//! Extended regular expressions of POSIX, as the rules of `auth_to_local` are written in them.
//!
//! A match is the leftmost, and of those the longest, which libraries that take the first
//! alternative do not find. What is matched and not how is all that a rule needs, so that one pass
//! over the text does: the time is the length of the text times the size of the expression, whatever
//! the text. What POSIX leaves undefined is refused.

/// No expression may be larger than this, its repetitions written out.
const MAX_PROGRAM: usize = 2000;
/// `{m,n}` repeats no more often.
const MAX_REPEAT: usize = 255;
/// Parentheses in parentheses.
const MAX_DEPTH: usize = 50;

/// An expression.
#[derive(Clone, Debug)]
pub(super) struct Ere {
    program: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// One character of these.
    One(Set),
    /// Goes on at both places.
    Split(usize, usize),
    Go(usize),
    Begin,
    End,
    Match,
}

#[derive(Clone, Debug)]
enum Set {
    Any,
    Literal(char),
    Bracket {
        not: bool,
        ranges: Vec<(char, char)>,
        classes: Vec<Class>,
    },
}

type Class = fn(&char) -> bool;

impl Set {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => *literal == c,
            Self::Bracket {
                not,
                ranges,
                classes,
            } => {
                let listed = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
                    || classes.iter().any(|class| class(&c));
                listed != *not
            }
        }
    }
}

/// An expression as it was written.
enum Node {
    Empty,
    One(Set),
    Begin,
    End,
    All(Vec<Node>),
    Either(Vec<Node>),
    Repeat {
        node: Box<Node>,
        least: usize,
        most: Option<usize>,
    },
}

impl Ere {
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        let mut parser = Parser { rest: text };
        let node = parser.alternatives(0)?;
        let mut program = Vec::new();
        emit(&node, &mut program)?;
        program.push(Step::Match);
        Ok(Self { program })
    }

    /// Whether it matches all of `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        self.find(text) == Some((0, text.len()))
    }

    /// The leftmost, and of those the longest match, as octets from and to.
    pub(super) fn find(&self, text: &str) -> Option<(usize, usize)> {
        let mut found: Option<(usize, usize)> = None;
        let mut now = Threads::new(self.program.len());
        let mut next = Threads::new(self.program.len());
        let places = text.char_indices().map(|(at, c)| (at, Some(c)));
        for (at, c) in places.chain([(text.len(), None)]) {
            // Threads are in the order of their starts: the leftmost one takes a place first.
            if found.is_none() {
                now.add(&self.program, 0, at, at, text.len());
            }
            for index in 0..now.order.len() {
                let Some((place, start)) = now.order.get(index).copied() else {
                    break;
                };
                if found.is_some_and(|(from, _)| from < start) {
                    continue;
                }
                match self.program.get(place) {
                    Some(Step::Match) => found = Some((start, at)),
                    Some(Step::One(set)) => {
                        if let Some(c) = c.filter(|c| set.contains(*c)) {
                            next.add(
                                &self.program,
                                place + 1,
                                start,
                                at + c.len_utf8(),
                                text.len(),
                            );
                        }
                    }
                    _ => {}
                }
            }
            if next.order.is_empty() && found.is_some() {
                break;
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        found
    }
}

/// Places in the program, each with where its match began; each place once.
struct Threads {
    order: Vec<(usize, usize)>,
    seen: Vec<bool>,
    due: Vec<usize>,
}

impl Threads {
    fn new(places: usize) -> Self {
        Self {
            order: Vec::new(),
            seen: vec![false; places],
            due: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.order.clear();
        self.seen.fill(false);
    }

    /// Adds `place`, and where one gets from there without a character.
    fn add(&mut self, program: &[Step], place: usize, start: usize, at: usize, end: usize) {
        self.due.push(place);
        while let Some(place) = self.due.pop() {
            match self.seen.get_mut(place) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            match program.get(place) {
                Some(Step::Go(to)) => self.due.push(*to),
                Some(Step::Split(one, other)) => self.due.extend([*one, *other]),
                Some(Step::Begin) if at == 0 => self.due.push(place + 1),
                Some(Step::End) if at == end => self.due.push(place + 1),
                Some(Step::One(_) | Step::Match) => self.order.push((place, start)),
                _ => {}
            }
        }
    }
}

fn emit(node: &Node, out: &mut Vec<Step>) -> Result<(), &'static str> {
    if out.len() > MAX_PROGRAM {
        return Err("the expression is too large");
    }
    match node {
        Node::Empty => {}
        Node::One(set) => out.push(Step::One(set.clone())),
        Node::Begin => out.push(Step::Begin),
        Node::End => out.push(Step::End),
        Node::All(nodes) => {
            for node in nodes {
                emit(node, out)?;
            }
        }
        Node::Either(nodes) => either(nodes, out)?,
        Node::Repeat { node, least, most } => {
            for _ in 0..*least {
                let before = out.len();
                emit(node, out)?;
                // Nothing, repeated, is nothing: it need not be written out.
                if out.len() == before {
                    break;
                }
            }
            match most {
                None => {
                    let split = out.len();
                    out.push(Step::Match);
                    emit(node, out)?;
                    out.push(Step::Go(split));
                    let end = out.len();
                    set(out, split, Step::Split(split + 1, end));
                }
                Some(most) => {
                    let mut splits = Vec::new();
                    for _ in *least..*most {
                        splits.push(out.len());
                        out.push(Step::Match);
                        emit(node, out)?;
                    }
                    for split in splits {
                        let end = out.len();
                        set(out, split, Step::Split(split + 1, end));
                    }
                }
            }
        }
    }
    Ok(())
}

fn either(nodes: &[Node], out: &mut Vec<Step>) -> Result<(), &'static str> {
    let mut ends = Vec::new();
    let Some((last, others)) = nodes.split_last() else {
        return Ok(());
    };
    for node in others {
        let split = out.len();
        out.push(Step::Match);
        emit(node, out)?;
        ends.push(out.len());
        out.push(Step::Match);
        let next = out.len();
        set(out, split, Step::Split(split + 1, next));
    }
    emit(last, out)?;
    let end = out.len();
    for place in ends {
        set(out, place, Step::Go(end));
    }
    Ok(())
}

fn set(out: &mut [Step], place: usize, step: Step) {
    if let Some(found) = out.get_mut(place) {
        *found = step;
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn take_if(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.take();
        }
        found
    }

    fn alternatives(&mut self, depth: usize) -> Result<Node, &'static str> {
        if depth > MAX_DEPTH {
            return Err("parentheses are nested too deep");
        }
        let mut nodes = vec![self.sequence(depth)?];
        while self.take_if('|') {
            nodes.push(self.sequence(depth)?);
        }
        Ok(Node::Either(nodes))
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, &'static str> {
        let mut nodes = Vec::new();
        while let Some(c) = self.peek() {
            // A parenthesis that closes none is a character.
            if c == '|' || (c == ')' && depth > 0) {
                break;
            }
            let node = self.one(depth)?;
            nodes.push(self.repeated(node)?);
        }
        Ok(match nodes.is_empty() {
            true => Node::Empty,
            false => Node::All(nodes),
        })
    }

    fn one(&mut self, depth: usize) -> Result<Node, &'static str> {
        Ok(match self.take() {
            Some('.') => Node::One(Set::Any),
            Some('^') => Node::Begin,
            Some('$') => Node::End,
            Some('[') => Node::One(self.bracket()?),
            Some('(') => {
                let node = self.alternatives(depth + 1)?;
                if !self.take_if(')') {
                    return Err("a parenthesis is not closed");
                }
                node
            }
            Some('*' | '+' | '?' | '{') => return Err("nothing to repeat"),
            Some('\\') => match self.take() {
                None => return Err("a backslash at the end"),
                Some('<' | '>' | '`' | '\'') => return Err("a backslash before it has no meaning"),
                Some(c) if c.is_ascii_punctuation() => Node::One(Set::Literal(c)),
                Some(_) => return Err("a backslash before it has no meaning"),
            },
            Some(c) => Node::One(Set::Literal(c)),
            None => Node::Empty,
        })
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, &'static str> {
        for _ in 0..MAX_DEPTH {
            let (least, most) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => self.interval()?,
                _ => return Ok(node),
            };
            if matches!(node, Node::Begin | Node::End) {
                return Err("nothing to repeat");
            }
            // The operator, or the brace that closes the interval.
            self.take();
            node = Node::Repeat {
                node: Box::new(node),
                least,
                most,
            };
        }
        Err("too many repetitions of repetitions")
    }

    /// `{m}`, `{m,}`, `{m,n}`, `{,n}`. Takes it, but for its last character.
    fn interval(&mut self) -> Result<(usize, Option<usize>), &'static str> {
        let why = "not an interval";
        let inside = self.rest.strip_prefix('{').ok_or(why)?;
        let end = inside.find('}').ok_or(why)?;
        let (inside, behind) = inside.split_at_checked(end).ok_or(why)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            let number = text.parse().ok().filter(|n| digits && *n <= MAX_REPEAT);
            number.ok_or(why)
        };
        let (least, most) = match inside.split_once(',') {
            None => {
                let exactly = number(inside)?;
                (exactly, Some(exactly))
            }
            Some(("", "")) => return Err(why),
            Some((least, "")) => (number(least)?, None),
            Some(("", most)) => (0, Some(number(most)?)),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        if most.is_some_and(|most| most < least) {
            return Err(why);
        }
        self.rest = behind;
        Ok((least, most))
    }

    /// Behind `[`.
    fn bracket(&mut self) -> Result<Set, &'static str> {
        let why = "a bracket is not closed";
        let not = self.take_if('^');
        let (mut ranges, mut classes) = (Vec::new(), Vec::new());
        let mut first = true;
        loop {
            let c = match self.take().ok_or(why)? {
                ']' if !first => {
                    return Ok(Set::Bracket {
                        not,
                        ranges,
                        classes,
                    });
                }
                '[' if self.take_if(':') => {
                    let (name, behind) = self.rest.split_once(":]").ok_or(why)?;
                    classes.push(class(name).ok_or("no such class of characters")?);
                    self.rest = behind;
                    first = false;
                    continue;
                }
                '[' if self.rest.starts_with(['.', '=']) => {
                    return Err("collating symbols and equivalence classes are not supported");
                }
                c => c,
            };
            first = false;
            let range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            if !range {
                ranges.push((c, c));
                continue;
            }
            self.take();
            let end = match self.take().ok_or(why)? {
                '[' if self.rest.starts_with(['.', '=', ':']) => {
                    return Err("a range that ends in a class");
                }
                end => end,
            };
            if end < c {
                return Err("a range that ends before it begins");
            }
            ranges.push((c, end));
        }
    }
}

/// Those of the C locale.
fn class(name: &str) -> Option<Class> {
    Some(match name {
        "alpha" => char::is_ascii_alphabetic,
        "digit" => char::is_ascii_digit,
        "alnum" => char::is_ascii_alphanumeric,
        "upper" => char::is_ascii_uppercase,
        "lower" => char::is_ascii_lowercase,
        "punct" => char::is_ascii_punctuation,
        "xdigit" => char::is_ascii_hexdigit,
        "cntrl" => char::is_ascii_control,
        "graph" => char::is_ascii_graphic,
        "print" => |c| c.is_ascii_graphic() || *c == ' ',
        "blank" => |c| *c == ' ' || *c == '\t',
        "space" => |c| c.is_ascii_whitespace() || *c == '\u{b}',
        _ => return None,
    })
}
