"""Answers only as JSON of one schema: {"team", "place", "urgent", "action"}."""

PROBLEMS = [  # what is wrong, who mends it, what they do
    ("the printer jams on every page", "it", "replace the feed roller"),
    ("the wifi drops every few minutes", "it", "restart the access point"),
    ("my screen stays black", "it", "swap the display cable"),
    ("nobody can log in since lunch", "it", "reset the login server"),
    ("the projector shows a pink picture", "it", "swap the display cable"),
    ("the tap in the kitchen drips", "plumbing", "change the tap washer"),
    ("there is water under the sink", "plumbing", "seal the drain pipe"),
    ("the toilet does not flush", "plumbing", "clear the cistern valve"),
    ("the shower is ice cold", "plumbing", "check the boiler"),
    ("the radiator knocks all night", "plumbing", "bleed the radiator"),
    ("the ceiling lamp flickers", "electric", "change the lamp ballast"),
    ("a socket gives off sparks", "electric", "switch off the circuit"),
    ("the lift stops between floors", "electric", "call the lift engineer"),
    ("half of the lights went out", "electric", "reset the breaker"),
    ("the fan makes a grinding noise", "electric", "oil the fan bearing"),
    ("the door handle came off", "carpentry", "fit a new handle"),
    ("a window will not close", "carpentry", "adjust the hinges"),
    ("the shelf is about to fall", "carpentry", "screw the shelf down"),
    ("one chair leg is broken", "carpentry", "glue the chair leg"),
    ("the floor board creaks and moves", "carpentry", "nail down the board"),
    ("there are ants around the bins", "cleaning", "set out ant traps"),
    ("somebody spilled paint on the stairs", "cleaning", "scrub the stairs"),
    ("the bins have not been emptied", "cleaning", "empty the bins"),
    ("the carpet smells of smoke", "cleaning", "wash the carpet"),
]
PLACES = ["room 12", "room 31", "the lobby", "the east wing", "floor 2", "floor 5", "the workshop", "the canteen",
          "the archive", "hall B", "the basement", "the front office", "lab 4", "the garage"]  # fmt: skip
HASTE = [  # how it is said, whether it is urgent
    ("Please come at once.", True),
    ("This cannot wait.", True),
    ("It is dangerous, hurry.", True),
    ("Any day this week is fine.", False),
    ("There is no hurry.", False),
    ("Whenever you have time.", False),
]
SENTENCES = ["In {place}, {problem}. {haste}", "Hello, {problem} in {place}. {haste}", "{haste} It is {place}: {problem}."]


def rows(chance):
    """Held-out rows put together problem, place and haste as no training row does."""
    import json

    seen, made = set(), []
    while len(made) < 184:
        problem, team, action = PROBLEMS[chance.integers(len(PROBLEMS))]
        place, (haste, urgent) = PLACES[chance.integers(len(PLACES))], HASTE[chance.integers(len(HASTE))]
        if (problem, place, haste) in seen:
            continue
        seen.add((problem, place, haste))
        prompt = SENTENCES[chance.integers(len(SENTENCES))].format(place=place, problem=problem, haste=haste)
        answer = json.dumps({"team": team, "place": place, "urgent": urgent, "action": action})
        made.append({"prompt": prompt[0].upper() + prompt[1:], "answer": answer})
    return made[:160], made[160:184]
