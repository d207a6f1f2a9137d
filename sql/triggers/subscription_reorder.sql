create or replace trigger subscription_reorder after update of ordering, on_exhausted on outbox.subscription
    for each row when (new.ordering is distinct from old.ordering or new.on_exhausted is distinct from old.on_exhausted)
    execute function outbox.reorder_lanes();
