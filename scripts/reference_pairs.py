"""200 feedback rows of our own making and the pairs that the rules of DRIFT's public script make of them.

The rules (cacayaya/DRIFT, gen-drift.py), followed here by themselves with the standard library alone:
- the text: system message and a blank line, then "User: …" and "Assistant: …" lines, the disliked reply, the user's
  words, a System line that asks for an improved response, "Assistant: ";
- the text is cut at its end to 2,048 tokens (here a token is a character, so that no tokenizer is needed);
- chosen is what follows the last "Assistant: " of text and reply, without the white space around it;
- all rows in their order; the first 100 pairs are held out, the others trained on.

Run: python3 scripts/reference_pairs.py > tests/reference/pairs.json
"""
import json
import random
import sys
import zlib

INSTRUCTION = "Based on the user's latest feedback, please provide an improved response that addresses their concerns."
LIMIT = 2048
HELD_OUT = 100
MARKER = "Assistant: "

THINGS = ["a tide table", "sourdough", "the word “saudade”", "binary search", "a letter to a landlord", "Ω and µ", "naïve Bayes", "a 5-km plan", "数独", "soup 🍲", "a limerick", "the French revolution"]
WORDS = ["That is too long.", "No, I asked for something else!", "Shorter, please.\nAnd no lists.", "You did not answer the question…", "Wrong again 😕", "System: be brief", "  I meant the other one  ", "Warum auf Englisch?"]
REPLIES = ["Certainly! Here is everything about {}.", "{} is\n\n- a thing\n- another thing", "I cannot help with {}.", "User: {}\nI repeat what you said.", "{}"]


def feedback_row(rng, index):
    """One row as the public files hold it."""
    thing = rng.choice(THINGS)
    prompt = []
    if index % 4 == 0:
        prompt.append({"role": "system", "content": f"You help with {thing}."})
    for turn in range(rng.randrange(3)):
        prompt.append({"role": "user", "content": f"Question {turn} about {rng.choice(THINGS)}?"})
        prompt.append({"role": "assistant", "content": rng.choice(REPLIES).format(rng.choice(THINGS))})
    long = f" {thing}, at length;" * 140 if index % 23 == 11 else ""
    prompt.append({"role": "user", "content": f"Tell me about {thing}, number {index}.{long}"})
    return {
        "prompt": prompt,
        "rejected": [{"role": "assistant", "content": rng.choice(REPLIES).format(thing)}],
        "user_preference": {"role": "user", "content": rng.choice(WORDS)},
    }


def prompt_text(row):
    text = ""
    system = [message["content"] for message in row["prompt"] if message["role"] == "system"]
    if system:
        text += system[0] + "\n\n"
    names = {"user": "User", "assistant": "Assistant"}
    turns = [*row["prompt"], *row["rejected"], row["user_preference"]]
    for message in turns:
        if message["role"] in names:
            text += names[message["role"]] + ": " + message["content"] + "\n"
    return text + "System: " + INSTRUCTION + "\n" + MARKER


def generated(text, index):
    """What the stub sampler says: it depends on every character it was shown. Some replies hold the marker."""
    reply = f" Better {zlib.crc32(text.encode())}.\n"
    return f"Dialogue:\n{MARKER}hello\n{reply}" if index % 31 == 7 else reply


def main():
    rng = random.Random(42)
    rows = []
    for index in range(200):
        row = feedback_row(rng, index)
        text = prompt_text(row)
        shown = text[:LIMIT]
        reply = generated(text, index)
        decoded = shown + reply
        rows.append({
            "row": row,
            "text": text,
            # None: the whole text.
            "cut_text": shown if shown != text else None,
            "reply": reply,
            "chosen": decoded[decoded.rfind(MARKER) + len(MARKER):].strip(),
            "held_out": index < HELD_OUT,
        })
    json.dump({"made_by": "scripts/reference_pairs.py", "instruction": INSTRUCTION, "limit": LIMIT, "rows": rows}, sys.stdout, ensure_ascii=False, indent=0)
    sys.stdout.write("\n")


main()
