export { HeaderFilter } from '@mailrail/mail';
