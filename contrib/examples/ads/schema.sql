-- What there is before anybody hears of outboxd.
\connect - ads

create table citations (
    citing_bibcode text not null,
    cited_id       text not null,
    cited_bibcode  text,
    primary key (citing_bibcode, cited_id)
);

grant select, insert, update, delete on citations to ads_pipeline;
