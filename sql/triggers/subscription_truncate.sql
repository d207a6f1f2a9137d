create or replace trigger subscription_truncate before truncate on outbox.subscription
    for each statement execute function outbox.refuse_truncate();
