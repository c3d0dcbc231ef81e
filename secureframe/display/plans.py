"""Plans as people see them: a graph of what is computed where, what is sent, and what each role learns.

A graph has a card for every stretch of steps at one place, with the cards it is made of before it, so that what an institution
does with its own rows is told at a glance from what is computed among the parties. It is made of nested lists, which can be read
aloud in order; the style draws its lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from secureframe.display import page
from secureframe.display.frames import place_chip
from secureframe.plan.combining import Merge
from secureframe.plan.nodes import Node, Summarise, Table, walk_nodes
from secureframe.plan.places import place
from secureframe.planner.explain import Explained, describe, explain_frame
from secureframe.results.receipt import asked


class Explanation(str):
    """An explanation as text; a notebook shows it as a graph."""

    _html: str

    def __new__(cls, text: str, html: str) -> Explanation:
        made = super().__new__(cls, text)
        made._html = html
        return made

    @classmethod
    def of_plan(cls, plan: Explained) -> Explanation:
        """Explain a plan."""
        return cls(plan.text, plan_html(plan))

    @classmethod
    def of_frame(cls, node: Node) -> Explanation:
        """Explain a frame."""
        title = page.element("p", "Where a frame is computed", classes="sf-title")
        return cls(explain_frame(node), _styled(title, _graph([_element(_Cards([node]).of(node), {})])))

    def after(self, text: str) -> Explanation:
        """The same with some text before it."""
        return Explanation(f"{text}\n{self}", self._html)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self._html


# -- cards -----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Card:
    """Steps at one place, the first one first, and the cards that they start from."""

    place: str
    letter: str = ""
    steps: list[str] = field(default_factory=list)
    inputs: list[_Card] = field(default_factory=list)
    again: bool = False


class _Cards:
    """Makes the cards of frames. A frame that several steps start from has a card of its own, and is named by its letter."""

    def __init__(self, roots: Sequence[Node], tagged: Collection[Node] = ()) -> None:
        self._tagged = tagged
        self._known: dict[Node, _Card] = {}
        nodes = {node for root in roots for node in walk_nodes(root)}
        self._uses = Counter(child for node in nodes for child in node.inputs)
        self._uses.update(roots)

    def of(self, node: Node) -> _Card:
        """The card of a frame."""
        if node in self._known:
            known = self._known[node]
            return _Card(known.place, known.letter, again=True)
        card = _Card(place(node))
        self._take(node, card)
        card.letter = _letter(len(self._known))
        self._known[node] = card
        return card

    def _take(self, node: Node, card: _Card) -> None:
        """Put a step on a card, below those of the same place that it goes on from."""
        above = next((child for child in node.inputs if self._goes_on(child, card.place)), None)
        if above is not None:
            self._take(above, card)
        names = []
        for child in node.inputs:
            if child is above:
                names.append("the rows above")
                continue
            made = self.of(child)
            card.inputs.append(made)
            names.append(made.letter)
        text = describe(node, self._tagged)
        if isinstance(node, Table):
            text = f"table {text}" + (f", up to {node.rows_per_person} rows a person" if node.rows_per_person > 1 else "")
        elif len(names) > 1:
            text += f" ({(' with ' if isinstance(node, Merge) else ' and ').join(names)})"
        card.steps.append(text)

    def _goes_on(self, child: Node, where: str) -> bool:
        """Whether a step's card is that of what it starts from: the same place, or the compute parties with a further owner."""
        found = place(child)
        together = found == where or (_kind(found) == _kind(where) == "shared")
        return together and (isinstance(child, Table) or self._uses[child] == 1)


def _kind(where: str) -> str:
    return where.partition("(")[0]


def _letter(number: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    return (_letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


# -- HTML ------------------------------------------------------------------------------------------------------------------

_RULES = """
& .sf-flow{container-type:inline-size;padding:4px 0 6px}
& .sf-graph,& .sf-inputs{display:flex;flex-direction:column;gap:10px}
& .sf-graph{overflow-x:auto;padding:2px}
& .sf-stretch{display:flex;align-items:center}
& .sf-inputs{flex:0 1 auto}
& .sf-inputs>li{position:relative;display:flex;justify-content:flex-end;padding-right:36px}
& .sf-inputs>li::after{content:"";position:absolute;right:18px;top:calc(50% - 1px);width:18px;
border-top:2px solid var(--sf-strong-line)}
& .sf-inputs>li::before{content:"";position:absolute;right:16px;top:-6px;bottom:-6px;border-right:2px solid var(--sf-strong-line)}
& .sf-inputs>li:first-child::before{top:calc(50% - 1px)}
& .sf-inputs>li:last-child::before{bottom:calc(50% - 1px)}
& .sf-card{position:relative;flex:0 1 24em;min-width:11em;max-width:30em;border:1px solid var(--sf-strong-line);
border-left-width:4px;border-radius:4px;padding:4px 8px 5px;background:var(--sf-surface)}
& .sf-card ol{margin:2px 0 0;padding:0}
& .sf-card li{padding:1px 0 1px;overflow-wrap:anywhere}
& .sf-card li+li{border-top:1px dotted var(--sf-line)}
& .sf-inputs+.sf-card::before{content:"";position:absolute;left:-20px;top:calc(50% - 1px);width:14px;
border-top:2px solid var(--sf-strong-line)}
& .sf-inputs+.sf-card::after{content:"";position:absolute;left:-11px;top:calc(50% - 5px);border:5px solid transparent;
border-left:7px solid var(--sf-strong-line);border-right:0}
& .sf-card.sf-at-local{border-left-color:var(--sf-local-text)}
& .sf-card.sf-at-partial{border-left-color:var(--sf-partial-text)}
& .sf-card.sf-at-shared{border-left-color:var(--sf-shared-text)}
& .sf-card.sf-at-release{border-left-color:var(--sf-accent)}
& .sf-card .sf-note{padding:2px 0 0}
& .sf-card .sf-chip{white-space:normal}
@container (max-width:40em){& .sf-stretch{flex-direction:column;align-items:flex-start;gap:6px}
& .sf-inputs{border-left:2px solid var(--sf-strong-line);padding-left:10px}
& .sf-inputs>li{padding:0;justify-content:flex-start}
& .sf-inputs>li::before,& .sf-inputs>li::after,& .sf-inputs+.sf-card::before,& .sf-inputs+.sf-card::after{display:none}
& .sf-card{flex-basis:auto}}
"""


def _styled(*parts: str) -> str:
    return page.styled("".join(parts), kind="plan", rules=_RULES)


def plan_html(plan: Explained) -> str:
    """Return a plan as HTML: what it costs, its graph, what is sent, and what each role learns."""
    name = page.element("span", f"Plan {plan.plan[:8]}", classes="sf-title")
    title = page.element("p", name, " for ", page.element("strong", plan.recipient), f": {plan.purpose}")
    chips = [plan.total, f"computed among {', '.join(plan.hosts)}"]
    chips += [f"kept from an earlier statement: {plan.kept}"] if plan.kept else []
    summary = page.element("p", *(page.chip(text) for text in chips))
    return _styled(title, summary, _graph(_releases(plan)), _sent(plan), _stages(plan), _learned(plan))


def _releases(plan: Explained) -> list[page.Html]:
    """A card for all releases of one frame, after the cards that the frame is made of."""
    by_frame: dict[Node, list[Summarise]] = {}
    for release in plan.releases:
        by_frame.setdefault(release.frame, []).append(release)
    cards = _Cards(list(by_frame), plan.tagged)
    made = {frame: cards.of(frame) for frame in by_frame}
    sent = _sends(list(made.values()), {dealt.owner: dealt.size for dealt in plan.dealt})
    found = []
    for frame, releases in by_frame.items():
        head = page.element("p", page.chip("release"), f" to {plan.recipient}")
        steps = [page.element("li", asked(release)) for release in releases]
        card = page.element("div", head, page.element("ol", *steps), classes="sf-card sf-at-release")
        inputs = page.element("ul", page.element("li", _element(made[frame], sent)), classes="sf-inputs")
        found.append(page.element("div", inputs, card, classes="sf-stretch"))
    return found


def _sends(roots: Sequence[_Card], sizes: Mapping[str, str]) -> dict[str, str]:
    """What the last cards of each institution say of what it sends, by place: how much, where one card stands for all of it."""
    last: list[_Card] = []

    def walk(card: _Card, follows: str) -> None:
        if card.place.startswith("local(") and card.place != follows and not card.again:
            last.append(card)
        for each in card.inputs:
            walk(each, card.place)

    for root in roots:
        walk(root, "")
    count = Counter(card.place for card in last)
    alone = [where for where, number in count.items() if number == 1]
    owners = {where: where.removeprefix("local(").removesuffix(")") for where in alone}
    return {where: f"sends {sizes[o]} as shares" if o in sizes else "sends nothing" for where, o in owners.items()}


def _element(card: _Card, sent: Mapping[str, str], follows: str = "") -> page.Html:
    """A card after the cards that it starts from."""
    if card.again:
        return page.element("div", page.chip(card.letter), " as above", classes="sf-card")
    head = page.element("p", page.element("strong", card.letter), " ", place_chip(card.place))
    foot = [page.element("p", sent[card.place], classes="sf-note")] if card.place in sent and card.place != follows else []
    steps = page.element("ol", *(page.element("li", step) for step in card.steps))
    this = page.element("div", head, steps, *foot, classes=f"sf-card sf-at-{_kind(card.place)}")
    if not card.inputs:
        return this
    inputs = [page.element("li", _element(each, sent, card.place)) for each in card.inputs]
    return page.element("div", page.element("ul", *inputs, classes="sf-inputs"), this, classes="sf-stretch")


def _graph(roots: Sequence[page.Html]) -> page.Html:
    listed = page.element("ul", *(page.element("li", root) for root in roots), classes="sf-graph")
    return page.element("div", listed, classes="sf-flow", role="group", tabindex="0", aria_label="the plan as a graph")


def _sent(plan: Explained) -> page.Html:
    rows = [
        [dealt.owner, dealt.size, page.element("ul", *(page.element("li", line) for line in dealt.lines))] for dealt in plan.dealt
    ]
    shown = page.table(["institution", "sends", "as shares, of its own rows"], rows, numbers=[1])
    after = page.element("p", f"sealed for {plan.recipient}: {plan.sealed}", classes="sf-note")
    return page.details("What is sent", page.scrolling(shown, "what is sent"), after)


def _stages(plan: Explained) -> page.Html:
    shown = page.table(["stage", "expected"], [*plan.stages, ["in all, with what is sent and sealed", plan.total]])
    return page.details("Rounds and bytes by stage", shown)


def _learned(plan: Explained) -> page.Html:
    notes = [page.element("p", note, classes="sf-note") for note in plan.notes]
    return page.details("What each role learns", page.facts(plan.learned), *notes, opened=True)
