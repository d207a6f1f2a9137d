create or replace trigger dead_letter_gone after delete on outbox.dead_letter
    referencing old table as gone for each statement execute function outbox.release_lanes();
