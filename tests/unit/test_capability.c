/* SPDX-License-Identifier: MIT */
/* sources: kernel/capability.c */
/*
 * Capability tables and the derivation tree, with objects that only count their references.
 *
 * Rule: after each of many random operations the tree is compared with a model of it in plain arrays.
 */
#include <check.h>
#include <stdlib.h>

#include "kernel/capability.h"
#include "suite.h"

#define OBJECTS     4
#define MODEL_SLOTS 40

static struct capability_table table;
static struct object objects[OBJECTS];
static unsigned pages_allocated;
static bool quota_used_up;

/* What capability.c needs of the rest of the kernel. */
void *kernel_allocate(struct domain *payer, size_t bytes)
{
    (void)payer;
    if (quota_used_up)
        return NULL;
    pages_allocated++;
    return calloc(1, bytes);
}

void kernel_free(struct domain *payer, void *memory, size_t bytes)
{
    (void)payer;
    (void)bytes;
    pages_allocated--;
    free(memory);
}

void object_release(struct object *object)
{
    ck_assert_uint_gt(object->references, 0);
    object->references--;
}

static void setup(void)
{
    capability_table_initialise(&table);
    quota_used_up = false;
    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i] = (struct object){.type = OBJECT_MEMORY, .references = 1};
}

static void teardown(void)
{
    while (!capability_table_clear_step(&table, NULL, 1000))
        ;
    ck_assert_uint_eq(pages_allocated, 0);
}

static void delete(struct capability *slot)
{
    unsigned limit = 1000;

    ck_assert(capability_delete_step(slot, &limit));
}

static struct capability *fill(uint64_t slot, struct object *object, struct capability *parent)
{
    struct capability *found;

    ck_assert_int_eq(capability_reserve(&table, NULL, slot, &found), PD_OK);
    capability_fill(found, object, RIGHT_ALL, (uint32_t)slot, parent);
    return found;
}

START_TEST(every_slot_of_a_new_table_is_empty_and_costs_nothing)
{
    for (uint64_t slot = 0; slot < CAPABILITY_SLOTS; slot++)
        ck_assert_uint_eq(capability_at(&table, slot)->type, OBJECT_NONE);
    ck_assert_uint_eq(pages_allocated, 0);
}
END_TEST

START_TEST(slots_out_of_bounds_look_empty_whatever_the_table_holds)
{
    static const uint64_t beyond[] = {CAPABILITY_SLOTS - 1, CAPABILITY_SLOTS, CAPABILITY_SLOTS + 1, 0xffff,
                                      1ull << 32,           UINT64_MAX};

    for (uint64_t slot = SLOT_FREE; slot < CAPABILITY_SLOTS - 1; slot++)
        fill(slot, &objects[0], NULL);
    for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        struct capability *found;

        ck_assert_int_eq(capability_reserve(&table, NULL, beyond[i], &found), PD_BAD_ARGUMENT);
        ck_assert_uint_eq(capability_at(&table, beyond[i])->type, OBJECT_NONE);
    }
}
END_TEST

START_TEST(slot_zero_is_never_used)
{
    struct capability *found;

    ck_assert_int_eq(capability_reserve(&table, NULL, 0, &found), PD_BAD_ARGUMENT);
}
END_TEST

START_TEST(slots_of_what_comes_in_messages_are_never_reserved)
{
    struct capability *found;

    for (uint64_t slot = SLOT_ARRIVED; slot < SLOT_USED + USED_PLACES; slot++)
        ck_assert_int_eq(capability_reserve(&table, NULL, slot, &found), PD_BAD_ARGUMENT);
    ck_assert_int_eq(capability_reserve(&table, NULL, SLOT_ARRIVED - 1, &found), PD_OK);
    ck_assert_int_eq(capability_reserve(&table, NULL, SLOT_USED + USED_PLACES, &found), PD_OK);
}
END_TEST

START_TEST(a_filled_slot_is_taken_and_holds_a_reference)
{
    struct capability *found;

    fill(70, &objects[1], NULL);
    ck_assert_uint_eq(objects[1].references, 2);
    ck_assert_int_eq(capability_reserve(&table, NULL, 70, &found), PD_SLOT_TAKEN);
    ck_assert_ptr_eq(capability_at(&table, 70)->object, &objects[1]);
    ck_assert_uint_eq(capability_at(&table, 70)->badge, 70);
    ck_assert_uint_eq(capability_at(&table, 71)->type, OBJECT_NONE);
}
END_TEST

START_TEST(without_quota_nothing_is_reserved)
{
    struct capability *found;

    quota_used_up = true;
    ck_assert_int_eq(capability_reserve(&table, NULL, 70, &found), PD_NO_QUOTA);
    ck_assert_uint_eq(capability_at(&table, 70)->type, OBJECT_NONE);
}
END_TEST

START_TEST(deleting_gives_the_reference_back_and_keeps_what_was_derived)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *middle = fill(2, &objects[0], root);
    struct capability *leaf = fill(3, &objects[0], middle);

    delete (middle);
    ck_assert_uint_eq(objects[0].references, 3);
    ck_assert_ptr_eq(leaf->parent, root);
    ck_assert(capability_revoke_step(root, 100));
    ck_assert_uint_eq(leaf->type, OBJECT_NONE); /* still found from the root */
    ck_assert_uint_eq(root->type, OBJECT_MEMORY);
    ck_assert_uint_eq(objects[0].references, 2);
}
END_TEST

START_TEST(deleting_an_empty_slot_does_nothing)
{
    struct capability *found;

    ck_assert_int_eq(capability_reserve(&table, NULL, 9, &found), PD_OK);
    delete (found);
    ck_assert_uint_eq(found->type, OBJECT_NONE);
}
END_TEST

START_TEST(revoking_deletes_all_that_was_derived_and_nothing_else)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *branch = fill(2, &objects[0], root);
    struct capability *sibling = fill(3, &objects[0], root);

    for (uint64_t slot = 10; slot < 30; slot++)
        fill(slot, &objects[0], slot % 2 ? branch : capability_at(&table, slot == 10 ? 2 : slot - 1));
    ck_assert(capability_revoke_step(branch, 1000));
    for (uint64_t slot = 10; slot < 30; slot++)
        ck_assert_uint_eq(capability_at(&table, slot)->type, OBJECT_NONE);
    ck_assert_uint_eq(root->type, OBJECT_MEMORY);
    ck_assert_uint_eq(branch->type, OBJECT_MEMORY);
    ck_assert_uint_eq(sibling->type, OBJECT_MEMORY);
    ck_assert_uint_eq(objects[0].references, 4);
}
END_TEST

START_TEST(revoking_stops_at_its_limit_and_goes_on_where_it_stopped)
{
    struct capability *root = fill(1, &objects[0], NULL);
    unsigned steps = 0;

    for (uint64_t slot = 2; slot < 12; slot++)
        fill(slot, &objects[0], capability_at(&table, slot - 1)); /* a chain */
    while (!capability_revoke_step(root, 3))
        ck_assert_uint_lt(++steps, 10);
    ck_assert_uint_eq(steps, 6); /* ten are deleted, nine are handed up */
    ck_assert_uint_eq(objects[0].references, 2);
}
END_TEST

START_TEST(a_revoke_that_was_cut_short_has_freed_nobody)
{
    struct capability *root = fill(1, &objects[0], NULL);

    fill(2, &objects[0], root);
    for (uint64_t slot = 3; slot < 30; slot++)
        fill(slot, &objects[0], capability_at(&table, 2));
    ck_assert(!capability_revoke_step(root, 5));
    ck_assert_uint_gt(objects[0].references, 2);
    while (!capability_revoke_step(root, 5))
        ;
    ck_assert_uint_eq(objects[0].references, 2); /* whoever was handed up is still below the root */
}
END_TEST

START_TEST(deleting_one_with_many_children_is_bounded_and_loses_none)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *middle = fill(2, &objects[0], root);
    unsigned steps = 0, limit = 10;

    for (uint64_t slot = 70; slot < 170; slot++)
        fill(slot, &objects[0], middle);
    for (; !capability_delete_step(middle, &limit); limit = 10) {
        ck_assert_uint_eq(middle->type, OBJECT_MEMORY);
        ck_assert_uint_lt(++steps, 20);
    }
    ck_assert_uint_eq(steps, 10);
    for (uint64_t slot = 70; slot < 170; slot++)
        ck_assert_ptr_eq(capability_at(&table, slot)->parent, root);
    ck_assert(capability_revoke_step(root, 1000));
    ck_assert_uint_eq(objects[0].references, 2);
}
END_TEST

START_TEST(clearing_a_table_is_bounded_and_gives_everything_back)
{
    unsigned steps = 0;

    for (uint64_t slot = SLOT_FREE; slot < 1000; slot++)
        fill(slot, &objects[slot % OBJECTS], slot >= 2 * SLOT_FREE ? capability_at(&table, slot / 2) : NULL);
    while (!capability_table_clear_step(&table, NULL, 64))
        ck_assert_uint_lt(++steps, 100);
    for (unsigned i = 0; i < OBJECTS; i++)
        ck_assert_uint_eq(objects[i].references, 1);
    ck_assert_uint_eq(pages_allocated, 0);
}
END_TEST

/* ---- capabilities in messages ---- */

START_TEST(what_is_derived_from_a_leaf_is_derived_from_its_parent)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *leaf = fill(2, &objects[0], root), *copy;

    leaf->leaf = 1;
    copy = fill(3, &objects[0], leaf);
    ck_assert_ptr_eq(copy->parent, root);
    ck_assert_ptr_null(leaf->first_child);
    capability_clear(leaf);
    ck_assert_uint_eq(leaf->type, OBJECT_NONE);
    ck_assert(capability_revoke_step(root, 10));
    ck_assert_uint_eq(copy->type, OBJECT_NONE);
}
END_TEST

START_TEST(a_leaf_whose_parent_is_deleted_goes_up)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *middle = fill(2, &objects[0], root);
    struct capability *leaf = fill(3, &objects[0], middle);

    leaf->leaf = leaf->moving = 1;
    ck_assert(!capability_derivable(middle));
    ck_assert(!capability_derivable(leaf)); /* it would be the parent's second child */
    ck_assert(capability_derivable(root));
    delete (middle);
    ck_assert_ptr_eq(leaf->parent, root);
    ck_assert_uint_eq(leaf->moving, 0); /* what it would have moved is gone */
    ck_assert(capability_derivable(root));
    delete (root);
    ck_assert_ptr_null(leaf->parent);
    ck_assert_ptr_null(fill(4, &objects[0], leaf)->parent);
}
END_TEST

START_TEST(a_move_puts_the_new_one_in_the_place_of_the_old)
{
    struct capability *root = fill(1, &objects[0], NULL);
    struct capability *source = fill(2, &objects[0], root);
    struct capability *arrival = fill(3, &objects[0], source);
    struct capability *kept;

    arrival->leaf = arrival->moving = 1;
    ck_assert_int_eq(capability_reserve(&table, NULL, 4, &kept), PD_OK);
    capability_replace(kept, source, RIGHT_USE, 7);
    ck_assert_uint_eq(source->type, OBJECT_NONE);
    ck_assert_ptr_eq(kept->parent, root);
    ck_assert_uint_eq(kept->rights, RIGHT_USE);
    ck_assert_uint_eq(kept->badge, 7);
    ck_assert_ptr_eq(arrival->parent, root);
    ck_assert(capability_derivable(root));
    capability_clear(arrival);
    ck_assert_uint_eq(objects[0].references, 3);
    ck_assert(capability_revoke_step(root, 10));
    ck_assert_uint_eq(kept->type, OBJECT_NONE);
}
END_TEST

/* ---- random operations beside a model ---- */

static unsigned model_parent[MODEL_SLOTS]; /* 0: none */
static bool model_used[MODEL_SLOTS];

static bool model_descends(unsigned slot, unsigned from)
{
    while (slot && slot != from)
        slot = model_parent[slot];
    return slot == from;
}

static void model_delete(unsigned slot)
{
    for (unsigned i = 1; i < MODEL_SLOTS; i++)
        if (model_used[i] && model_parent[i] == slot)
            model_parent[i] = model_parent[slot];
    model_used[slot] = false;
    model_parent[slot] = 0;
}

static void model_revoke(unsigned slot)
{
    bool derived[MODEL_SLOTS] = {false};

    for (unsigned i = 1; i < MODEL_SLOTS; i++)
        derived[i] = model_used[i] && i != slot && model_descends(i, slot);
    for (unsigned i = 1; i < MODEL_SLOTS; i++)
        if (derived[i]) {
            model_used[i] = false;
            model_parent[i] = 0;
        }
}

static void compare_with_model(void)
{
    unsigned used = 0;

    for (unsigned slot = 1; slot < MODEL_SLOTS; slot++) {
        struct capability *found = capability_at(&table, slot);

        ck_assert_uint_eq(found->type != OBJECT_NONE, model_used[slot]);
        if (!model_used[slot])
            continue;
        used++;
        ck_assert_ptr_eq(found->parent,
                         model_parent[slot] ? capability_at(&table, model_parent[slot]) : NULL);
        if (found->next_sibling)
            ck_assert_ptr_eq(found->next_sibling->previous_sibling, found);
        if (found->first_child)
            ck_assert_ptr_eq(found->first_child->parent, found);
    }
    ck_assert_uint_eq(objects[0].references, used + 1);
}

START_TEST(random_operations_agree_with_a_model)
{
    srand(20);
    for (unsigned i = 0; i < 6000; i++) {
        unsigned slot = 1 + (unsigned)rand() % (MODEL_SLOTS - 1),
                 other = 1 + (unsigned)rand() % (MODEL_SLOTS - 1);

        switch (rand() % 8) {
        case 0:
            delete (capability_at(&table, model_used[slot] ? slot : 0));
            model_delete(slot);
            break;
        case 1:
            if (model_used[slot]) {
                ck_assert(capability_revoke_step(capability_at(&table, slot), 2 * MODEL_SLOTS));
                model_revoke(slot);
            }
            break;
        default:
            if (!model_used[slot] && slot != other) {
                fill(slot, &objects[0], model_used[other] ? capability_at(&table, other) : NULL);
                model_used[slot] = true;
                model_parent[slot] = model_used[other] ? other : 0;
            }
        }
        compare_with_model();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capability");
    TCase *cases = tcase_create("capability");

    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_slot_of_a_new_table_is_empty_and_costs_nothing);
    tcase_add_test(cases, slots_out_of_bounds_look_empty_whatever_the_table_holds);
    tcase_add_test(cases, slot_zero_is_never_used);
    tcase_add_test(cases, a_filled_slot_is_taken_and_holds_a_reference);
    tcase_add_test(cases, without_quota_nothing_is_reserved);
    tcase_add_test(cases, deleting_gives_the_reference_back_and_keeps_what_was_derived);
    tcase_add_test(cases, deleting_an_empty_slot_does_nothing);
    tcase_add_test(cases, revoking_deletes_all_that_was_derived_and_nothing_else);
    tcase_add_test(cases, revoking_stops_at_its_limit_and_goes_on_where_it_stopped);
    tcase_add_test(cases, a_revoke_that_was_cut_short_has_freed_nobody);
    tcase_add_test(cases, deleting_one_with_many_children_is_bounded_and_loses_none);
    tcase_add_test(cases, clearing_a_table_is_bounded_and_gives_everything_back);
    tcase_add_test(cases, slots_of_what_comes_in_messages_are_never_reserved);
    tcase_add_test(cases, what_is_derived_from_a_leaf_is_derived_from_its_parent);
    tcase_add_test(cases, a_leaf_whose_parent_is_deleted_goes_up);
    tcase_add_test(cases, a_move_puts_the_new_one_in_the_place_of_the_old);
    tcase_add_test(cases, random_operations_agree_with_a_model);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
