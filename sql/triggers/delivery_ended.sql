create or replace trigger delivery_ended after delete on outbox.delivery
    referencing old table as gone for each statement execute function outbox.note_ended();
