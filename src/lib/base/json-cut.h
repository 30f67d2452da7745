/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Large JSON piece by piece, through the same gate as dmv_json_parse().
 *
 * A catalog is one object with one long member. The tree of the whole takes ten times its bytes; cutting that
 * member out and building its elements one after another keeps the peak at one element.
 */
#ifndef DMV_BASE_JSON_CUT_H
#define DMV_BASE_JSON_CUT_H

#include "json.h"

/**
 * dmv_json_cut() - parse an object, but leave one member as bytes
 * @data: the bytes, need not end in a NUL
 * @size: how many
 * @limits: as for dmv_json_parse(), over all the bytes; without wide_integers
 * @name: the member; no other of this object's names may hold an escape sequence
 * @ret: the object, in which that member is null; owned by the caller
 * @ret_cut: the bytes of the member's value inside @data, NULL if there is no such member
 * @ret_cut_size: how many
 * @reterr: filled on a refusal, may be NULL
 *
 * The cut bytes have passed the grammar and the limits, but nobody has looked for duplicate members inside
 * them: whoever builds a tree from them does.
 *
 * Return: 0; what dmv_json_parse() refuses; DMV_MALFORMED if @data is not an object; -ENOMEM.
 */
int dmv_json_cut(const char *data, size_t size, const DmvJsonLimits *limits, const char *name,
                 json_object **ret, const char **ret_cut, size_t *ret_cut_size, DmvError *reterr);

/**
 * typedef DmvJsonEach - takes one element of an array
 * @element: the tree, freed when the function returns; NULL for null
 * @index: which one, from 0
 * @userdata: as given to dmv_json_each()
 * @reterr: for its own refusal, may be NULL
 *
 * Return: 0 to go on, anything else ends the walk and is handed on.
 */
typedef int (*DmvJsonEach)(json_object *element, size_t index, void *userdata, DmvError *reterr);

/**
 * dmv_json_each() - parse an array element by element
 * @data: the bytes of the array
 * @size: how many
 * @limits: as for dmv_json_parse(); the depth counts from an element; without wide_integers
 * @each: called for each element in order
 * @userdata: for @each
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; what dmv_json_parse() refuses; DMV_MALFORMED if @data is not an array; what @each returned;
 * -ENOMEM.
 */
int dmv_json_each(const char *data, size_t size, const DmvJsonLimits *limits, DmvJsonEach each,
                  void *userdata, DmvError *reterr);

#endif
