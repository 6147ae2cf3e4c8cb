"""The steps that bench/loss-parity.ts describes in an exchange folder, in PyTorch: losses, and predictions of the test texts.

usage: loss_parity.py MODEL_DIR EXCHANGE_DIR [--threads N] [--pad-to M] [--steps N] [--dtype float32|float64]
       (needs torch, transformers, safetensors; prints one JSON line)

--pad-to M: batches are padded to a multiple of M instead of their longest text. --steps N: the first N steps, on the schedule of all.
A plan that selects parts of a matrix becomes a mask: gradients outside are zeroed before clipping, and weights outside are put back
after AdamW, which would decay them. Row 0 of the word table has no gradient here (padding_idx) and none there (no text holds [PAD]).
"""
import argparse, json, pathlib, time
import torch, transformers
from safetensors.torch import load_file
from transformers import BertForSequenceClassification

p = argparse.ArgumentParser()
p.add_argument("model"); p.add_argument("exchange"); p.add_argument("--threads", type=int); p.add_argument("--pad-to", type=int, default=1)
p.add_argument("--steps", type=int); p.add_argument("--dtype", default="float32")
a = p.parse_args()
if a.threads: torch.set_num_threads(a.threads)
transformers.logging.set_verbosity_error(); transformers.logging.disable_progress_bar()
folder = pathlib.Path(a.exchange)
e = json.loads((folder / "exchange.json").read_text())
m = BertForSequenceClassification.from_pretrained(a.model, num_labels=e["classes"], dtype=getattr(torch, a.dtype), hidden_dropout_prob=0.0,
                                                  attention_probs_dropout_prob=0.0, classifier_dropout=0.0)
parameters = dict(m.named_parameters())
with torch.no_grad():
    for name, values in load_file(folder / "head.safetensors").items():
        parameters[name if name.startswith("classifier.") else f"bert.{name}"].copy_(values)


def padded(part, begin, end):
    """Texts [begin, end) of a packed part: ids and attention mask."""
    texts = [part["ids"][part["offsets"][i]:part["offsets"][i + 1]] for i in range(begin, end)]
    T = -(-max(map(len, texts)) // a.pad_to) * a.pad_to
    ids = torch.zeros(len(texts), T, dtype=torch.long); mask = torch.zeros(len(texts), T, dtype=torch.long)
    for i, text in enumerate(texts): ids[i, :len(text)] = torch.tensor(text); mask[i, :len(text)] = 1
    return dict(input_ids=ids, attention_mask=mask)


def chosen(name):
    """What of a parameter trains: None for nothing, else a mask that broadcasts to it."""
    everything = torch.tensor(True)
    if name.startswith(("bert.pooler.", "classifier.")): return everything
    if name.startswith("bert.embeddings."): return everything if e["plan"]["embeddings"] else None
    _, _, _, layer, rest = name.split(".", 4)
    plan = e["plan"]["layers"][int(layer)]
    if rest.endswith(".bias") or "LayerNorm" in rest: return everything if plan["extras"] else None
    units, count = (plan["groups"], m.config.num_attention_heads) if rest.startswith("attention.") else (plan["neurons"], m.config.intermediate_size)
    if not units: return None
    inner = torch.zeros(count, dtype=torch.bool); inner[units] = True
    if rest.startswith("attention."): inner = inner.repeat_interleave(m.config.hidden_size // count)
    # Rows of the matrices that lead into the units, columns of those that lead out of them.
    return inner[None, :] if rest in ("attention.output.dense.weight", "output.dense.weight") else inner[:, None]


masks = {name: chosen(name) for name in parameters}
trained = {name: q.requires_grad_(masks[name] is not None) for name, q in parameters.items() if masks[name] is not None}
for name, q in parameters.items(): q.requires_grad_(name in trained)
partial = [(q, ~masks[name], q.detach().clone()) for name, q in trained.items() if not masks[name].all()]
is_head = lambda name: name.startswith(("bert.pooler.", "classifier."))
group = lambda keep, lr, decay: dict(params=[q for name, q in trained.items() if keep(name, q)], lr=lr, weight_decay=decay)
optimizer = torch.optim.AdamW([group(lambda n, q: not is_head(n) and q.dim() == 2, e["rates"]["units"], e["weightDecay"]),
                               group(lambda n, q: not is_head(n) and q.dim() == 1, e["rates"]["units"], 0.0),
                               group(lambda n, q: is_head(n), e["rates"]["head"], 0.0)], betas=(0.9, 0.999), eps=1e-8)
steps = len(e["batches"]); warm = max(1, round(e["warmup"] * steps))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / warm, (steps - s) / max(1, steps - warm)))

m.train(); losses = []; begin = time.perf_counter()
for batch in e["batches"][:a.steps]:
    loss = m(**padded(batch, 0, len(batch["labels"])), labels=torch.tensor(batch["labels"])).loss
    loss.backward()
    for q, outside, _ in partial: q.grad.masked_fill_(outside, 0)
    torch.nn.utils.clip_grad_norm_(trained.values(), e["clip"])
    optimizer.step(); schedule.step(); optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        for q, outside, before in partial: q.copy_(torch.where(outside, before, q))
    losses.append(float(loss))
train_s = time.perf_counter() - begin

m.eval(); predictions = []; texts = len(e["test"]["offsets"]) - 1
with torch.inference_mode():
    for i in range(0, texts, 32): predictions += m(**padded(e["test"], i, min(i + 32, texts))).logits.argmax(-1).tolist()
print(json.dumps(dict(losses=losses, predictions=predictions, train_s=train_s, dtype=a.dtype, threads=torch.get_num_threads(), pad_to_multiple_of=a.pad_to,
                      torch=torch.__version__, transformers=transformers.__version__)))
