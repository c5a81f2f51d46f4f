"""Widgets of the interactive tool for notebooks."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets
from hyperspy_gui_ipywidgets.utils import add_display_arg
from link_traits import link

from .figure import SIZE, UnmixFigure, is_region
from .tool import UnmixTool

FULL_WIDTH = ipywidgets.Layout(width="100%")
WHOLE_DESCRIPTION = {"description_width": "initial"}


@add_display_arg
def unmix_ipy(obj: UnmixTool, **kwargs: Any) -> dict[str, Any]:
    """Sliders for window and number, what is known of one component, and the picture."""
    wdict = _choices(obj) | _component(obj) | _region(obj) | _actions(obj) | _view(obj)
    wdict |= _message_and_code(obj)
    figure = obj.shown()
    rows = [
        ipywidgets.HBox([wdict["n_components"], wdict["assume"]]),
        ipywidgets.HBox([wdict["subtracts_background"], wdict["background"]]),
        ipywidgets.HBox([wdict["component"], wdict["name"], wdict["flip"]]),
    ]
    if "region_x" in wdict:
        rows.append(ipywidgets.HBox([wdict["region_x"], wdict["region_y"], wdict["pure_name"]]))
    rows += [
        ipywidgets.HBox([wdict["call_pure"], wdict["known"], wdict["forget"]]),
        ipywidgets.HBox([wdict[x] for x in ("undo", "reset", "apply", "file", "save")]),
        wdict["message"],
        wdict["view"],
    ]
    if not figure.live:
        wdict["picture"] = _picture(obj, figure)
        rows.append(wdict["picture"])
    rows.append(wdict["code"])
    return {"widget": ipywidgets.VBox(rows), "wdict": wdict}


def _choices(obj: UnmixTool) -> dict[str, Any]:
    number = ipywidgets.IntSlider(
        min=1,
        max=obj.most,
        value=obj.n_components,
        description="Components",
        style=WHOLE_DESCRIPTION,
    )
    link((obj, "n_components"), (number, "value"))
    assume = ipywidgets.Dropdown(
        options=[
            ("what the data speak for", "auto"),
            ("phases overlap", "overlap"),
            ("each is alone somewhere", "pure"),
        ],
        description="Assume",
    )
    link((obj, "assume"), (assume, "value"))
    subtract = ipywidgets.Checkbox(description="Subtract background", indent=False)
    link((obj, "subtracts_background"), (subtract, "value"))
    window = _range_of_energies(obj, (obj.background_start, obj.background_end), "Window")

    def choose(change: Any) -> None:
        if change.new != (obj.background_start, obj.background_end):
            obj.set_background(*change.new)

    window.observe(choose, "value")

    def follow(event: Any) -> None:
        if obj.background_start < obj.background_end:
            window.value = (obj.background_start, obj.background_end)

    obj.observe(follow, "background_start, background_end")
    return {
        "n_components": number,
        "assume": assume,
        "subtracts_background": subtract,
        "background": window,
    }


def _range_of_energies(obj: UnmixTool, value: tuple[float, float], word: str) -> Any:
    """A slider over the energies with two ends."""
    energies = obj.whole.prepared.image.energies
    low, high = float(energies.min()), float(energies.max())
    return ipywidgets.FloatRangeSlider(
        min=low,
        max=high,
        step=(high - low) / max(len(energies) - 1, 1),
        value=value,
        description=word,
        continuous_update=False,
        readout_format=".4g",
        layout=ipywidgets.Layout(width="60%"),
    )


def _component(obj: UnmixTool) -> dict[str, Any]:
    component = ipywidgets.Dropdown(description="Component")
    name = ipywidgets.Text(description="Name", continuous_update=False)
    flip = ipywidgets.Button(description="Flip", tooltip="Turn the signs of spectrum and map")

    is_following = False

    def follow(event: Any = None) -> None:
        nonlocal is_following
        options = [(_described(obj, i), i) for i in range(obj.result.n_components)]
        # New options select the first of them, which is not the user's choice.
        is_following = True
        if list(component.options) != options:
            component.options = options
        component.value = obj.component
        is_following = False

    def choose(change: Any) -> None:
        if not is_following and change.new is not None:
            obj.component = change.new

    follow()
    link((obj, "name"), (name, "value"))
    obj.observe(follow, "result, component")
    component.observe(choose, "value")
    flip.on_click(lambda button: obj.flip())
    return {"component": component, "name": name, "flip": flip}


def _described(obj: UnmixTool, i: int) -> str:
    """Number, name and stability of a component."""
    name = obj.result.names[i]
    name = obj.result.suggested_names[i] if name == str(i) else name
    words = f"{i}: {name}" if name else str(i)
    return f"{words} (stability {obj.result.stability[i]:.2f})"


def _actions(obj: UnmixTool) -> dict[str, Any]:
    """Back, forth and out."""
    tooltips = {
        "undo": "Take the last change back",
        "reset": "Go back to how it opened",
        "apply": "Unmix once more with these choices; store in learning_results",
        "save": "The suffix tells what: .hspy the result, .html the report, .pdf or .png a figure",
    }
    buttons = {
        name: ipywidgets.Button(description=name.capitalize(), tooltip=tooltip)
        for name, tooltip in tooltips.items()
    }
    for name, button in buttons.items():
        button.on_click(lambda button, name=name: getattr(obj, name)())
    file = ipywidgets.Text(description="File", continuous_update=False)
    link((obj, "file"), (file, "value"))
    return buttons | {"file": file}


def _view(obj: UnmixTool) -> dict[str, Any]:
    """The energies of the spectra that are shown."""
    view = _range_of_energies(obj, obj.view, "Show")
    view.observe(lambda change: obj.trait_set(view=change.new), "value")
    obj.observe(lambda event: setattr(view, "value", event.new), "view")
    return {"view": view}


def _region(obj: UnmixTool) -> dict[str, Any]:
    """Pixels that are called pure, and what is known already."""
    pure_name = ipywidgets.Text(description="Pure", continuous_update=False)
    link((obj, "pure_name"), (pure_name, "value"))
    call_pure = ipywidgets.Button(
        description="Call it pure", tooltip="Hold the mean of the region, unmix the others"
    )
    call_pure.on_click(lambda button: obj.call_pure())
    known = ipywidgets.Dropdown(description="Known")
    forget = ipywidgets.Button(description="Forget", tooltip="Unmix without it")
    forget.on_click(lambda button: obj.forget(known.value))

    def follow(event: Any = None) -> None:
        known.options = list(obj.known)
        known.disabled = forget.disabled = not obj.known

    follow()
    obj.observe(follow, "result, known")
    widgets = {"pure_name": pure_name, "call_pure": call_pure, "known": known, "forget": forget}
    axes = obj.whole.prepared.image.frame.axes_manager.navigation_axes
    if len(axes) != 2:
        call_pure.disabled = True
        return widgets
    x, y = (
        ipywidgets.IntRangeSlider(
            min=0,
            max=axis.size,
            value=(0, 0),
            description=f"Region {name}",
            style=WHOLE_DESCRIPTION,
        )
        for name, axis in zip("xy", axes, strict=True)
    )

    is_following = False

    def choose(change: Any) -> None:
        if is_following:
            return
        (left, right), (top, bottom) = x.value, y.value
        obj.region = (left, top, right, bottom) if left < right and top < bottom else None

    def show(event: Any) -> None:
        nonlocal is_following
        if is_region(obj.region):
            left, top, right, bottom = obj.region
            # Both sliders are one region.
            is_following = True
            x.value, y.value = (left, right), (top, bottom)
            is_following = False

    x.observe(choose, "value")
    y.observe(choose, "value")
    obj.observe(show, "region")
    return widgets | {"region_x": x, "region_y": y}


def _message_and_code(obj: UnmixTool) -> dict[str, Any]:
    message = ipywidgets.HTML(layout=FULL_WIDTH)
    code = ipywidgets.HTML(layout=FULL_WIDTH)

    def follow(event: Any = None) -> None:
        lines = "<br>".join(escape(line) for line in obj.message.splitlines())
        message.value = f"{'Applied. ' if obj.applied else ''}{lines}"
        code.value = f"<pre>{escape(obj.code)}</pre>"

    follow()
    obj.observe(follow, "result, message, applied")
    return {"message": message, "code": code}


def _picture(obj: UnmixTool, figure: UnmixFigure) -> Any:
    """The figure as an image, for notebooks whose own figures stand still."""
    picture = ipywidgets.Image(
        value=figure.png(),
        format="png",
        layout=ipywidgets.Layout(max_width=f"{100 * SIZE[0]:.0f}px"),
    )

    def follow(event: Any) -> None:
        picture.value = figure.png()

    obj.observe(follow, "result, component, region, view")
    return picture
