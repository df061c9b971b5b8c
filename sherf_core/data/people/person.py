"""From a recipe to a dressed person at rest."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from sherf_core.data.people.anatomy import HEAD, NECK, Anatomy
from sherf_core.data.people.cuts import Cut, collar_cut, hood_cut, shoe_cut, skirt_cover, top_cut, trousers_cut
from sherf_core.data.people.fabrics import ClothSamples, Fabric
from sherf_core.data.people.hair import hair_cap, hair_fall, hair_knot, hair_shader
from sherf_core.data.people.mesh import Surface
from sherf_core.data.people.part import Part, Shader, SurfaceSamples, make_part
from sherf_core.data.people.picture import Person, make_person
from sherf_core.data.people.recipe import Recipe
from sherf_core.data.people.shoes import shoe_shader, shoe_surface
from sherf_core.data.people.skin import eye_shader, hair_level, skin_shader
from sherf_core.data.people.skirt import skirt_surface
from sherf_core.data.people.tailor import Tailor
from sherf_core.data.people.wardrobe import Wardrobe, load_wardrobe

TUCKED_MARGIN = 0.03
"""Metres under a garment's edge from which on skin and lower layers are left away."""


def build_person(recipe: Recipe, *, texture_step: float = 0.0025, wardrobe: Wardrobe | None = None) -> Person:
    """Shape, dress and texture a person.

    Args:
        recipe: who it is.
        texture_step: metres between texture samples; 0.0025 serves pictures of 512 pixels.
        wardrobe: the source mesh (the shipped one).
    """
    return _Dresser(recipe, wardrobe or load_wardrobe(), texture_step).dressed()


@lru_cache(maxsize=4)
def _source_surface(group: str, subdivisions: int) -> Surface:
    """Subdividing takes half a second, so each process does it once."""
    return load_wardrobe().surface(group, subdivisions)


class _Dresser:
    """The steps of dressing one person; holds what they share."""

    def __init__(self, recipe: Recipe, wardrobe: Wardrobe, step: float) -> None:
        self.recipe, self.wardrobe, self.step = recipe, wardrobe, step
        self.shapes = wardrobe.shapes(**recipe.phenotypes).astype(np.float32).astype(np.float64)
        self.shaped = wardrobe.shaped(self.shapes)
        self.joints = wardrobe.joints(self.shaped)
        self.anatomy = wardrobe.anatomy
        suit = self._on_person(_source_surface("tights", 2))
        self.suit, self.suit_rest = suit, suit.origin @ wardrobe.rest
        self.tailor = Tailor(suit, self.suit_rest, suit.origin @ wardrobe.weights, self.anatomy, recipe.seed)

    def dressed(self) -> Person:
        recipe = self.recipe
        top_outline = top_cut(self.anatomy, recipe.top.shape)
        shoe_outline = shoe_cut(self.anatomy, recipe.shoe.collar)
        cuts: list[Cut] = [top_outline, shoe_outline]
        skirt = recipe.bottom.kind == "skirt"
        if skirt:
            top = self.tailor.garment(top_outline, recipe.top.fit)
            bottom_outline = skirt_cover(self.anatomy, recipe.bottom.waist, recipe.bottom.hem - 0.06)
            over, under = bottom_outline, top
        else:
            bottom_outline = trousers_cut(self.anatomy, recipe.bottom.waist, recipe.bottom.hem)
            order = [(top_outline, recipe.top.fit), (bottom_outline, recipe.bottom.fit)]
            if not recipe.tucked:
                order.reverse()
            first, second = (self.tailor.garment(outline, fit) for outline, fit in order)
            top, bottom = (first, second) if recipe.tucked else (second, first)
            over, under = (bottom_outline, top) if recipe.tucked else (top_outline, bottom)
        cuts.append(bottom_outline)
        parts = [self._body(cuts), *self._eyes()]
        covered = self._without_hidden(under, over)
        if skirt:
            parts += [self._skirt(), self._cloth("top", covered, top_outline, recipe.top.fabric)]
        else:
            top, bottom = (covered, bottom) if recipe.tucked else (top, covered)
            parts.append(self._cloth("bottom", bottom, bottom_outline, recipe.bottom.fabric))
            parts.append(self._cloth("top", top, top_outline, recipe.top.fabric))
        parts += self._neckwear()
        parts.append(self._shoes(shoe_outline))
        parts += self._hair(top)
        return make_person(self.shapes, self.joints, parts)

    def _on_person(self, surface: Surface) -> Surface:
        return surface.at(surface.origin @ self.shaped)

    def _without_hidden(self, surface: Surface, over: Cut) -> Surface:
        """The surface without the faces that lie well under another garment."""
        deep = over(surface.origin @ self.wardrobe.rest).min(1) > TUCKED_MARGIN
        return surface.selected(~deep[surface.faces].all(1))

    def _body(self, cuts: list[Cut]) -> Part:
        body = self._on_person(_source_surface("body", 0))
        rest = body.origin @ self.wardrobe.rest
        hidden = np.any([cut(rest).min(1) > TUCKED_MARGIN for cut in cuts], axis=0)
        body = body.selected(~hidden[body.faces].all(1))
        shader = skin_shader(self.recipe.face, self.anatomy)
        return make_part(
            "body", body, self.wardrobe, shader, texture_step=self.step, softness=0.22, gloss=0.05, open=False
        )

    def _eyes(self) -> list[Part]:
        parts = []
        for side in ("left_eye", "right_eye"):
            eye = self._on_person(_source_surface(side, 2))
            centre = eye.position.mean(0)
            offset = eye.position - centre
            length = np.linalg.norm(offset, axis=1, keepdims=True)
            ball = eye.at(centre + offset / length * length.mean())
            shader = eye_shader(self.recipe.face, centre)
            parts.append(
                make_part(side, ball, self.wardrobe, shader, texture_step=0.001, softness=0.3, gloss=0.25, open=False)
            )
        return parts

    def _cloth(self, name: str, surface: Surface, outline: Cut, fabric: Fabric) -> Part:
        shader = _cloth_shader(fabric, outline, self.anatomy, Anatomy(self.joints))
        return make_part(name, surface, self.wardrobe, shader, texture_step=self.step)

    def _neckwear(self) -> list[Part]:
        """A shirt's collar or a hood."""
        top = self.recipe.top
        plain = replace(top.fabric, trim="none", emblem="none", placket=False)
        if top.name == "shirt":
            outline = collar_cut(self.anatomy, top.shape.neck)
            surface = self.tailor.patch(outline, 0.007, np.zeros(len(self.suit_rest)))
            return [self._cloth("collar", surface, outline, plain)]
        if top.name == "hoodie":
            outline = hood_cut(self.anatomy, top.shape.neck)
            inside = outline(self.suit_rest)[:, [0, 1]].min(1)
            bulge = 0.035 * np.sqrt(np.clip(inside / 0.035, 0, 1))
            surface = self.tailor.patch(outline, 0.003, bulge)
            return [self._cloth("hood", surface, outline, plain)]
        return []

    def _skirt(self) -> Part:
        bottom = self.recipe.bottom
        surface, coordinates = skirt_surface(self.tailor, bottom.waist, bottom.hem, bottom.flare, self.joints)
        shader = _skirt_shader(bottom.fabric)
        return make_part("bottom", surface, self.wardrobe, shader, texture_step=self.step, rest=coordinates)

    def _shoes(self, outline: Cut) -> Part:
        surface = shoe_surface(self.suit, self.suit_rest, self.anatomy, outline)
        shader = shoe_shader(self.recipe.shoe, self.anatomy, float(surface.position[:, 1].min()))
        gloss = 0.10 if self.recipe.shoe.kind == "loafer" else 0.03
        return make_part("shoes", surface, self.wardrobe, shader, texture_step=self.step, gloss=gloss, open=False)

    def _hair(self, top: Surface) -> list[Part]:
        style = self.recipe.hair
        if style.kind == "bald":
            return []
        if style.kind == "fall":
            body = self._on_person(_source_surface("body", 0)).position
            solid = np.concatenate([body[body[:, 1] > self.joints[HEAD, 1] - 0.6], top.position])
            sheet, coordinates = hair_fall(solid, self.joints, style)
            return [self._strands("hair", sheet, coordinates)]
        source = _source_surface("body", 0)
        rest = source.origin @ self.wardrobe.rest
        scalp_faces = (hair_level(rest, self.anatomy) > -0.03)[source.faces].any(1)
        scalp_faces &= (rest[:, 1] > self.anatomy.joints[HEAD, 1] - 0.08)[source.faces].all(1)
        scalp = self._on_person(source.selected(scalp_faces).subdivided(2))
        scalp_rest = scalp.origin @ self.wardrobe.rest
        cap = hair_cap(scalp, scalp_rest, self.anatomy, style)
        parts = [
            make_part(
                "hair", cap, self.wardrobe, hair_shader(style, False), texture_step=self.step, softness=0.15, gloss=0.04
            )
        ]
        if style.kind in ("tail", "bun"):
            knot, coordinates = hair_knot(self.joints, style)
            parts.append(self._strands("knot", knot, coordinates))
        return parts

    def _strands(self, name: str, surface: Surface, coordinates: Float[np.ndarray, "N 3"]) -> Part:
        """Hair away from the scalp: `coordinates` run around and along its strands."""
        return make_part(
            name,
            surface,
            self.wardrobe,
            hair_shader(self.recipe.hair, True),
            texture_step=self.step,
            rest=coordinates,
            softness=0.15,
            gloss=0.05,
        )


def _cloth_shader(fabric: Fabric, outline: Cut, mean: Anatomy, own: Anatomy) -> Shader:
    """Patterns lie straight on this person's garment; edges and front are where they are on the mean body."""
    lift = mean.joints[NECK, 1] - own.joints[NECK, 1]

    def shade(samples: SurfaceSamples) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]:
        panel = mean.panels(samples.rest)
        across, along = own.cloth_coordinates(samples.position, panel)
        return fabric.shade(
            ClothSamples(
                across=across,
                along=along + np.where(panel == 1, 0.0, lift),
                panel=panel,
                side=np.sign(samples.rest[:, 0]),
                front=samples.rest[:, 2] > mean.joints[HEAD, 2] - 0.045,
                edges=outline(samples.rest),
                rest=samples.rest,
            )
        )

    return shade


def _skirt_shader(fabric: Fabric) -> Shader:
    """As `_cloth_shader`; the samples' `rest` are a skirt's own coordinates."""

    def shade(samples: SurfaceSamples) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]:
        around, down, above_hem = samples.rest.T
        nothing, trunk = np.zeros(len(around)), np.zeros(len(around), int)
        return fabric.shade(
            ClothSamples(around, -down, trunk, nothing, nothing > 1, np.stack([down, above_hem], 1), samples.rest)
        )

    return shade
