"""Which model and which loss a run asked for: ours and the ancestor's, in any combination"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from perpart import contactgen, losses
from perpart.ancestor import ThreeStages
from perpart.average import weights
from perpart.drawing import Drawing
from perpart.errors import Mistake
from perpart.model import ContactCVAE

SHAPE = "width", "points", "latents", "radii", "norm", "prior"
"""The settings that decide a model's shape, beside its form."""
FORMS: dict[str, type[ContactCVAE] | type[ThreeStages]] = {"sixteen": ContactCVAE, "contactgen": ThreeStages}
Objective = Callable[[dict[str, Any], dict[str, Tensor], float], dict[str, Tensor]]
LOSSES: dict[str, Objective] = {"ours": losses.objective, "contactgen": contactgen.objective}
PRICES = {"ours": (losses.KL_WEIGHT, 0.3), "contactgen": (contactgen.KL_WEIGHT, 1.0)}
"""Of each loss: the latent's price to warm up to, and the share of the run that the warm-up takes."""


def built(settings: Mapping[str, Any]) -> Drawing:
    """A new model as these settings ask for it; those of a time before there was a choice of form name none."""
    return FORMS[settings.get("form", "sixteen")](**{name: settings[name] for name in SHAPE})


def restored(state: Mapping[str, Any], path: str, *, latest: bool = False) -> Drawing:
    """The model of a run's state with the weights to draw from, or those of its `latest` step, in evaluation mode.

    Raises Mistake, which names `path`, when the state is not of such a model.
    """
    try:
        model = built(state["settings"])
        model.load_state_dict(state["state_dict"] if latest else weights(state))
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise Mistake(f"{path} holds another model than this version's ({reason}); train again") from error
    return model.eval()
